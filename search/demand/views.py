"""The demand board's page in the admin."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from catalog.embedders import EmbedderUnavailable
from catalog.messages import Amount, counted
from catalog.messages.translation import translated
from catalog.serving import serving_embedder
from search.demand.board import MIN_SEARCHES, board
from search.demand.records import forget_all, forget_old
from search.service import NothingToSearch


@require_http_methods(("GET", "HEAD", "POST"))
def demand_page(request: HttpRequest) -> HttpResponse:
    """What shoppers searched for in vain; a POST deletes everything that was recorded."""
    right = "delete" if request.method == "POST" else "view"
    if not request.user.has_perm(f"search.{right}_searched"):
        raise PermissionDenied
    if request.method == "POST":
        deleted = counted(
            "%(number)s search was deleted.",
            "%(number)s searches were deleted.",
            Amount(forget_all()),
        )
        messages.success(request, translated(deleted))
        return redirect("demand")
    forget_old()
    context: dict[str, Any] = {
        "title": _("Demand board"),
        "is_on": bool(settings.DEMAND_DAYS),
        "days": settings.DEMAND_DAYS,
        "least": MIN_SEARCHES,
        "may_forget": request.user.has_perm("search.delete_searched"),
    }
    if settings.DEMAND_DAYS:
        try:
            embedder = serving_embedder()
            context["board"] = board(embedder.identity, embedder.dim)
        except (EmbedderUnavailable, NothingToSearch) as error:
            context["problem"] = translated(error)
    return TemplateResponse(
        request, "admin/demand/board.html", admin.site.each_context(request) | context
    )
