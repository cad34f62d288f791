"""The demand board's page in the admin."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from catalog.embedders import EmbedderUnavailable
from catalog.serving import serving_embedder
from search.demand.board import LEAST_SEARCHES, board
from search.demand.records import forget_all, forget_old, is_on
from search.service import NothingToSearch


@require_http_methods(("GET", "HEAD", "POST"))
def demand_page(request: HttpRequest) -> HttpResponse:
    """What shoppers looked for in vain; with POST all that is kept is deleted."""
    if request.method == "POST":
        return _forget(request)
    if not request.user.has_perm("search.view_searched"):
        raise PermissionDenied
    forget_old()
    context = {
        "title": _("Demand board"),
        "is_on": is_on(),
        "days": settings.DEMAND_DAYS,
        "least": LEAST_SEARCHES,
        "may_forget": request.user.has_perm("search.delete_searched"),
    }
    context |= _board() if is_on() else {}
    return TemplateResponse(
        request, "admin/demand/board.html", admin.site.each_context(request) | context
    )


def _board() -> dict[str, Any]:
    try:
        embedder = serving_embedder()
        return {"board": board(embedder.identity, embedder.dim)}
    except (EmbedderUnavailable, NothingToSearch) as error:
        return {"problem": str(error)}


def _forget(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("search.delete_searched"):
        raise PermissionDenied
    count = forget_all()
    sentence = ngettext("%d search is forgotten.", "%d searches are forgotten.", count)
    messages.success(request, sentence % count)
    return redirect("demand")
