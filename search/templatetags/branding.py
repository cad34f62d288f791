"""What every page shows of the shop, also error pages, which get no context."""

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
    """Each language's code and its name in that language; Django's own tag translates names."""
    return settings.LANGUAGES


@register.filter
def web_link(address: str) -> str:
    """An address if it is an http(s) one, else ""; a row may be older than the rule for links."""
    return address if address.lower().startswith(("https://", "http://")) else ""
