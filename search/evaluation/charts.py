"""A stored report as the staff's page shows it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import Product

Stored = Mapping[str, Any]  # a report, or a part of one, as JSON
CHANGES = {
    "jpeg": _("saved at low quality"),
    "half": _("half the size"),
    "mirrored": _("mirrored"),
    "darker": _("darker"),
    "brighter": _("brighter"),
    "grey": _("without colours"),
    "blurred": _("blurred"),
    "turned": _("turned by 10 degrees"),
    "cropped": _("a part of 60 % of each side"),
    "screenshot": _("screenshot with margins"),
    "page": _("screenshot with text"),
    "elsewhere": _("on another background"),
}
MEASURES = {
    "first": _("First place"),
    "first_five": _("First five"),
    "reciprocal_rank": _("Mean reciprocal rank"),
    "precision_1": _("Precision at 1"),
    "precision_5": _("Precision at 5"),
    "precision_10": _("Precision at 10"),
    "average_precision": _("Mean average precision"),
}
MOST_FOUND = 5
KINDS = {
    "same product": _("the same product, one changed"),
    "same category": _("products of the same category"),
    "other category": _("products of different categories"),
}
ORDERS = {"plain": _("plain"), "tuned": _("tuned")}


@dataclass(frozen=True)
class Bar:
    """A figure of one order."""

    order: str
    mean: float
    low: float
    high: float

    @property
    def order_name(self) -> str:
        """The order in words."""
        return str(ORDERS.get(self.order, self.order))


@dataclass(frozen=True)
class Row:
    """The figures of a group: for each measure a bar of each order."""

    name: str
    count: int
    cells: list[list[Bar]]


@dataclass(frozen=True)
class Chart:
    """A measurement: all of it in one row, and one row for each group."""

    measures: list[str]
    total: Row
    groups: list[Row]


@dataclass(frozen=True)
class Shown:
    """A product that the search does badly on, where it is still there."""

    product: Product
    value: float
    groups: list[str]
    found: list[Product]


def chart(tables: Stored) -> Chart | None:
    """The chart of a measurement's tables, None where there are none."""
    if not tables:
        return None
    first = next(iter(tables.values()))
    total = {order: table["total"] for order, table in tables.items()}
    groups = {
        name: {order: table["groups"][name] for order, table in tables.items()}
        for name in first["groups"]
    }
    return Chart(
        [_in_words(MEASURES, measure) for measure in first["total"]],
        _row("", total),
        [_row(_in_words(CHANGES, name), of_group) for name, of_group in groups.items()],
    )


def bands(report: Stored) -> dict[str, Any]:
    """The bands with the cosines that they begin at, and the shares of each kind of pair in them.

    Shares are in the order of the bands.
    """
    limits = report["limits"]
    return {
        "limits": [(gettext(word), least) for word, least in limits.items()],
        "rows": [
            (_in_words(KINDS, kind), [shares[word] for word in limits])
            for kind, shares in report["bands"].items()
        ],
    }


def shown(worst: Iterable[Stored], products: Mapping[int, Product]) -> list[Shown]:
    """Those of the worst products that are among these, which are by id."""
    return [
        Shown(
            products[bad["product"]],
            bad["value"],
            [_in_words(CHANGES, name) for name in bad["groups"]],
            [products[pk] for pk in bad["found"] if pk in products][:MOST_FOUND],
        )
        for bad in worst
        if bad["product"] in products
    ]


def _row(name: str, of_orders: Mapping[str, Stored]) -> Row:
    measures = next(iter(of_orders.values()))
    cells = [
        [_bar(order, figures[measure]) for order, figures in of_orders.items()]
        for measure in measures
    ]
    return Row(name, next(iter(measures.values()))["count"], cells)


def _bar(order: str, figure: Stored) -> Bar:
    return Bar(order, figure["mean"], figure["low"], figure["high"])


def _in_words(words: Mapping[str, Any], name: str) -> str:
    return str(words.get(name, name))
