"""Template tags of the catalog's admin."""

from typing import Any

from django import template
from django.conf import settings
from django.template.context import RequestContext
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import override

from catalog.admin.lists import field_name
from catalog.embedding.progress import STATE_NAMES
from catalog.feeds.reports import feeds_with_problems
from catalog.messages import counted
from catalog.messages.translation import isolated, text_direction, translated
from catalog.models import count_invisible

register = template.Library()
register.filter(field_name)
register.filter(isolated)


@register.inclusion_tag("admin/_invisible.html", takes_context=True)
def invisible_products(context: RequestContext) -> dict[str, Any]:
    """A banner about products that search can't find, for users who may view products."""
    may_view = context["request"].user.has_perm("catalog.view_product")
    return {"invisible": count_invisible() if may_view else None}


@register.inclusion_tag("admin/_feeds.html", takes_context=True)
def feed_problems(context: RequestContext) -> dict[str, Any]:
    """A banner about feeds that need attention, for users who may view feeds."""
    may_view = context["request"].user.has_perm("catalog.view_feed")
    return {"feeds": feeds_with_problems() if may_view else ()}


@register.simple_tag
def shop_language() -> str:
    """The attributes of an element with a stored text, which is in the shop's own language."""
    with override(settings.LANGUAGE_CODE):
        return format_html('lang="{}" dir="{}"', settings.LANGUAGE_CODE, text_direction())


@register.filter
def duration(seconds: float) -> str:
    """A duration in words, rounded."""
    if seconds < 10:
        return _("a few seconds")
    minutes = round(seconds / 60)
    if seconds < 90:
        words = counted("%(number)s second", "%(number)s seconds", round(seconds))
    elif minutes < 90:
        words = counted("%(number)s minute", "%(number)s minutes", minutes)
    else:
        words = counted("%(number)s hour", "%(number)s hours", round(minutes / 60))
    return translated(words)


@register.filter
def state_name(state: str) -> str:
    """The name of a picture's state in the active language."""
    return str(STATE_NAMES[state])
