"""Addresses of the same search, moved a little. All of a search's state lives in its address."""

from django import template
from django.http import QueryDict
from django.template.context import Context

register = template.Library()

OPPOSITE = {"more": "less", "less": "more"}


@register.simple_tag(takes_context=True)
def voted(context: Context, name: str, pk: int) -> bool:
    """Whether this product is among the `more` or `less` of the address."""
    return str(pk) in _ids(_address(context), name)


@register.simple_tag(takes_context=True)
def vote(context: Context, name: str, pk: int) -> str:
    """The address with this product in `more` or `less`, or, where it is there, without it."""
    address = _address(context)
    ids = _ids(address, name)
    _put(address, name, [*ids, str(pk)] if str(pk) not in ids else _without(ids, pk))
    _put(address, OPPOSITE[name], _without(_ids(address, OPPOSITE[name]), pk))
    return f"?{address.urlencode(safe=',')}"


def _address(context: Context) -> QueryDict:
    """The page's own parameters, from its first page on."""
    address: QueryDict = context.request.GET.copy()  # type: ignore[attr-defined]
    address.pop("page", None)
    return address


def _ids(address: QueryDict, name: str) -> list[str]:
    return [pk for pk in address.get(name, "").split(",") if pk]


def _without(ids: list[str], pk: int) -> list[str]:
    return [each for each in ids if each != str(pk)]


def _put(address: QueryDict, name: str, ids: list[str]) -> None:
    address.pop(name, None)
    if ids:
        address[name] = ",".join(ids)
