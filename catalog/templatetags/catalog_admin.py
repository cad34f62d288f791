"""Template tags of the catalog's admin."""

from typing import Any

from django import template
from django.template.context import RequestContext

from catalog.feeds.reports import feeds_with_problems
from catalog.models import count_invisible

register = template.Library()


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


@register.filter
def duration(seconds: float) -> str:
    """A duration in words, rounded."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"{round(seconds)} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{round(minutes / 60)} hours"
