"""Figures as the page on quality shows them."""

from django import template

register = template.Library()


@register.filter
def percent(share: float) -> str:
    """A share of 1 in hundredths, with a point whatever the language: a number of SVG."""
    return f"{100 * share:.2f}"


@register.filter
def percent_after(end: float, start: float) -> str:
    """How far it is from one share to another, as `percent`."""
    return percent(end - start)
