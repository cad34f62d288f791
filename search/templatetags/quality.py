"""Numbers as the quality page shows them."""

from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def percent(share: float) -> str:
    """A share (0 to 1) in percent, with a decimal point in every language: SVG needs that."""
    return f"{100 * share:.2f}"


@register.filter
def in_percent(share: float) -> str:
    """A share (0 to 1) in percent, as people read it."""
    return f"{number_format(100 * share, 2)} %"


@register.filter
def percent_after(end: float, start: float) -> str:
    """The difference between two shares, as `percent`."""
    return percent(end - start)
