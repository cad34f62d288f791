"""What a view has found out about each product of a list."""

from collections.abc import Mapping

from django import template

register = template.Library()


@register.filter
def at(values: Mapping[int, object], pk: int) -> object:
    """The value of this key, None where there is none."""
    return values.get(pk)
