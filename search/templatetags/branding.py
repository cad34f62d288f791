"""The shop in templates, also in those of error pages, which get no context."""

from django import template

from search import branding

register = template.Library()


@register.simple_tag
def shop() -> branding.Shop:
    """The shop as the settings describe it: `{% shop as shop %}`."""
    return branding.shop()
