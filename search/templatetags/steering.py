"""Links to the same search with one vote changed. A search's whole state is in its address."""

from django import template
from django.http import QueryDict
from django.template.context import Context

register = template.Library()

OPPOSITE = {"more": "less", "less": "more"}


@register.simple_tag(takes_context=True)
def voted(context: Context, name: str, pk: int) -> bool:
    """Whether this product is in the address's `more` or `less`."""
    return str(pk) in _ids(context.request.GET, name)  # type: ignore[attr-defined]


@register.simple_tag(takes_context=True)
def vote(context: Context, name: str, pk: int) -> str:
    """The address with this product added to `more` or `less`, or removed if it is there.

    The link leads to the first page, and the product leaves the opposite list.
    """
    address: QueryDict = context.request.GET.copy()  # type: ignore[attr-defined]
    address.pop("page", None)
    for each in (name, OPPOSITE[name]):
        ids = _ids(address, each)
        if str(pk) in ids:
            ids.remove(str(pk))
        elif each == name:
            ids.append(str(pk))
        address.pop(each, None)
        if ids:
            address[each] = ",".join(ids)
    return f"?{address.urlencode(safe=',')}"


def _ids(address: QueryDict, name: str) -> list[str]:
    return [pk for pk in address.get(name, "").split(",") if pk]
