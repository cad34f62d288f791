"""The doctor's pages in the admin."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from search.doctor.findings import count
from search.doctor.forms import FilterForm, MergeForm, ids_of
from search.doctor.merging import Merged, NotMerged, merge, mergeable
from search.doctor.models import Finding, Kind, State, Subject

PER_PAGE = 20
MOST_SHOWN = 6  # products of a finding, in the list


@require_http_methods(("GET", "HEAD", "POST"))
def findings_page(request: HttpRequest) -> HttpResponse:
    """What was found, to be dismissed, merged or mended."""
    if request.method == "POST":
        return _decide(request)
    _allow(request, "catalog.view_product")
    asked = FilterForm.read(request.GET)
    page = Paginator(_findings(asked), PER_PAGE).get_page(request.GET.get("page"))
    counts = count(asked["state"])
    context = {
        "title": _("Catalog doctor"),
        "page": page,
        "asked": asked,
        "kinds": [(kind, counts.get(kind, 0)) for kind in Kind],
        "total": sum(counts.values()),
        "may_change": request.user.has_perm("catalog.change_product"),
    }
    return _page(request, "admin/doctor/findings.html", context)


@require_http_methods(("GET", "HEAD", "POST"))
def merge_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What merging the products of a finding would do, and with POST the merging."""
    _allow(request, "catalog.change_product")
    finding = get_object_or_404(Finding, pk=pk, kind=Kind.DUPLICATE, state=State.OPEN)
    form = MergeForm(mergeable(finding), request.POST or None)
    if form.is_valid():
        try:
            values = form.cleaned_data
            merged = merge(finding, keep=values["keep"].pk, seen=values["revisions"])
        except NotMerged as error:
            messages.error(request, str(error))
            return redirect("doctor-merge", pk=pk)
        _tell(request, merged)
        return redirect("doctor")
    context = {"title": _("Merge products"), "finding": finding, "form": form}
    return _page(request, "admin/doctor/merge.html", context)


def _findings(asked: dict[str, Any]) -> QuerySet[Finding]:
    subjects = Subject.objects.select_related("product__category", "photo")
    subjects = subjects.defer("product__embedding", "photo__embedding")
    findings = Finding.objects.filter(state=asked["state"]).select_related("category")
    if asked["kind"]:
        findings = findings.filter(kind=asked["kind"])
    if asked["product"]:
        findings = findings.filter(pk__in=Subject.objects.of(asked["product"]))
    shown = Prefetch("subjects", subjects[:MOST_SHOWN], to_attr="shown")
    return findings.annotate(size=Count("subjects")).order_by("-pk").prefetch_related(shown)


def _decide(request: HttpRequest) -> HttpResponse:
    """Dismiss findings, or bring them up again: those chosen, all that were shown, or one."""
    _allow(request, "catalog.change_product")
    which = request.POST.get("which", "")
    lists = {"chosen": "finding", "shown": "shown"}
    ids = ids_of(request.POST.getlist(lists[which]) if which in lists else [which])
    is_dismissed = request.POST.get("state") != State.OPEN
    state = State.DISMISSED if is_dismissed else State.OPEN
    changed = Finding.objects.filter(pk__in=ids).exclude(state=state).update(state=state)
    sentence = (
        ngettext("%d finding is dismissed.", "%d findings are dismissed.", changed)
        if is_dismissed
        else ngettext("%d finding is open again.", "%d findings are open again.", changed)
    )
    messages.success(request, sentence % changed)
    return redirect(request.get_full_path())


def _tell(request: HttpRequest, merged: Merged) -> None:
    """Say what was done, to who did it and in the history of the products."""
    _log(request, [merged.kept], f"Merged with {_listed(merged.hidden)}.")
    _log(request, merged.hidden, f"Hidden, as it was merged into {_listed([merged.kept])}.")
    messages.success(
        request,
        format_html(
            _('“<a href="{}">{}</a>” is kept. Photos added: {}. Hidden: {}.'),
            reverse("admin:catalog_product_change", args=(merged.kept.pk,)),
            merged.kept.name,
            merged.photos,
            _listed(merged.hidden),
        ),
    )


def _log(request: HttpRequest, products: Sequence[Any], message: str) -> None:
    LogEntry.objects.log_actions(int(str(request.user.pk)), products, CHANGE, message)


def _listed(products: Sequence[Any]) -> str:
    return ", ".join(f"{product.name} ({product.sku})" for product in products)


def _allow(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
    return TemplateResponse(request, template, admin.site.each_context(request) | context)
