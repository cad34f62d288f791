"""The staff's page on how good the search is."""

from itertools import chain
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog.models import Product
from search.evaluation.charts import bands, chart, shown
from search.evaluation.models import Evaluation

EARLIER = 10  # evaluations that are listed beside the last one


@require_safe
def quality_page(request: HttpRequest) -> TemplateResponse:
    """What the last evaluation found, and how those before it went."""
    if not request.user.has_perm("catalog.view_product"):
        raise PermissionDenied
    evaluations = list(Evaluation.objects.all()[: EARLIER + 1])
    context = {
        **admin.site.each_context(request),
        "title": _("Search quality"),
        "evaluations": evaluations,
        **(_last(evaluations[0]) if evaluations else {}),
    }
    return TemplateResponse(request, "admin/search/quality.html", context)


def _last(evaluation: Evaluation) -> dict[str, Any]:
    report = evaluation.report
    worst = chain(report["worst_products"], report["worst_kinds"])
    ids = set(chain.from_iterable([bad["product"], *bad["found"]] for bad in worst))
    products = Product.objects.select_related("category").in_bulk(ids)
    return {
        "report": report,
        "charts": {
            "products": chart(report["same_product"]),
            "kinds": chart(report["same_kind"]),
        },
        "bands": bands(report),
        "worst_products": shown(report["worst_products"], products),
        "worst_kinds": shown(report["worst_kinds"], products),
    }
