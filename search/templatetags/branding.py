"""The shop in templates, also in those of error pages, which get no context."""

from django import template
from django.conf import settings

from search import branding

register = template.Library()


@register.simple_tag
def shop() -> branding.Shop:
    """The shop as the settings describe it: `{% shop as shop %}`."""
    return branding.shop()


@register.simple_tag
def languages() -> list[tuple[str, str]]:
    """The code of each language and its own name, which Django's own tag would translate."""
    return settings.LANGUAGES


@register.filter
def web_link(address: str) -> str:
    """An address if it is an http(s) one, else ""; a row may be older than the rule for links."""
    return address if address.lower().startswith(("https://", "http://")) else ""
