"""The staff's page that shows how good the search is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from catalog.models import Product
from search.evaluation.models import Evaluation

EARLIER = 10  # evaluations listed besides the latest
MAX_FOUND = 5  # products shown that came before another one

# The names in a report, in words
# Translators: these say what was done to a photo.
CHANGES = {
    "jpeg": gettext_lazy("saved at low quality"),
    "half": gettext_lazy("half the size"),
    "mirrored": gettext_lazy("mirrored"),
    "darker": gettext_lazy("darker"),
    "brighter": gettext_lazy("brighter"),
    "grey": gettext_lazy("without colours"),
    "blurred": gettext_lazy("blurred"),
    "turned": gettext_lazy("turned by 10 degrees"),
    # xgettext:no-python-format
    "cropped": gettext_lazy("a part of 60 % of each side"),
    "screenshot": gettext_lazy("screenshot with margins"),
    "page": gettext_lazy("screenshot with text"),
    "elsewhere": gettext_lazy("on another background"),
}
MEASURES = {
    "first": gettext_lazy("First place"),
    "first_five": gettext_lazy("First five"),
    "reciprocal_rank": gettext_lazy("Mean reciprocal rank"),
    "precision_1": gettext_lazy("Precision at 1"),
    "precision_5": gettext_lazy("Precision at 5"),
    "precision_10": gettext_lazy("Precision at 10"),
    "average_precision": gettext_lazy("Mean average precision"),
}
PAIRS = {
    "same product": gettext_lazy("the same product, one changed"),
    "same category": gettext_lazy("products of the same category"),
    "other category": gettext_lazy("products of different categories"),
}
# Translators: these are orders of results.
ORDERS = {"plain": gettext_lazy("plain"), "tuned": gettext_lazy("tuned")}
# Translators: these are parts of the work of a search, whose duration is shown.
STAGES = {
    "decode": gettext_lazy("decode the photo"),
    "embed": gettext_lazy("compute its vector"),
    "rank": gettext_lazy("rank the products"),
    "total": gettext_lazy("total"),
}

Json = Mapping[str, Any]  # a report, or a part of one, as JSON


@dataclass(frozen=True)
class Bar:
    """A figure of one order, with the limits of 95 % confidence."""

    order: str
    order_name: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class ChartRow:
    """The figures of a group: for each measure, a bar for each order."""

    name: str
    count: int
    cells: list[list[Bar]]


@dataclass(frozen=True)
class Chart:
    """A measurement: one row for everything, and one for each group."""

    measures: list[str]
    total: ChartRow
    groups: list[ChartRow]


@dataclass(frozen=True)
class WorstProduct:
    """A product that the search serves badly."""

    product: Product
    value: float
    groups: list[str]
    found: list[Product]


@require_safe
@permission_required("catalog.view_product", raise_exception=True)
def quality_page(request: HttpRequest) -> TemplateResponse:
    """The result of the latest evaluation, and figures of the earlier ones."""
    evaluations = list(Evaluation.objects.all()[: EARLIER + 1])
    context: dict[str, Any] = {
        "title": _("Search quality"),
        "evaluations": [(each, _order_name(each.report["order"])) for each in evaluations],
    }
    if evaluations:
        report = evaluations[0].report
        worst = list(chain(report["worst_products"], report["worst_kinds"]))
        ids = set(chain.from_iterable([bad["product"], *bad["found"]] for bad in worst))
        products = Product.objects.select_related("category").in_bulk(ids)
        context |= {
            "measured_at": evaluations[0].created_at,
            "report": report,
            "charts": {
                "products": _chart(report["same_product"]),
                "kinds": _chart(report["same_kind"]),
            },
            "bands": {  # shares are in the order of the bands
                "limits": [(_(word), least) for word, least in report["limits"].items()],
                "rows": [
                    (PAIRS.get(kind, kind), [shares[word] for word in report["limits"]])
                    for kind, shares in report["bands"].items()
                ],
            },
            "milliseconds": [
                (STAGES.get(stage, stage), latency)
                for stage, latency in report["milliseconds"].items()
            ],
            "worst_products": _worst(report["worst_products"], products),
            "worst_kinds": _worst(report["worst_kinds"], products),
        }
    context = admin.site.each_context(request) | context
    return TemplateResponse(request, "admin/search/quality.html", context)


def _order_name(order: str) -> str:
    return str(ORDERS.get(order, order))


def _chart(tables: Json) -> Chart | None:
    """The chart of a measurement's tables by order, None without any."""
    if not tables:
        return None
    first = next(iter(tables.values()))

    def row(name: str, of_orders: Json) -> ChartRow:
        cells = [
            [
                Bar(order, _order_name(order), each["mean"], each["low"], each["high"])
                for order, figures in of_orders.items()
                for each in [figures[measure]]
            ]
            for measure in first["total"]
        ]
        counted = next(iter(of_orders.values()))
        return ChartRow(name, next(iter(counted.values()))["count"], cells)

    return Chart(
        [str(MEASURES.get(measure, measure)) for measure in first["total"]],
        row("", {order: table["total"] for order, table in tables.items()}),
        [
            row(
                str(CHANGES.get(name, name)),
                {order: table["groups"][name] for order, table in tables.items()},
            )
            for name in first["groups"]
        ],
    )


def _worst(worst: Iterable[Json], products: Mapping[int, Product]) -> list[WorstProduct]:
    """Those that still exist among the products (by id)."""
    return [
        WorstProduct(
            products[bad["product"]],
            bad["value"],
            [str(CHANGES.get(name, name)) for name in bad["groups"]],
            [products[pk] for pk in bad["found"] if pk in products][:MAX_FOUND],
        )
        for bad in worst
        if bad["product"] in products
    ]
