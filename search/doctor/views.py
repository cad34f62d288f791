"""The doctor's pages in the admin."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Prefetch
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from catalog.messages import Amount, counted, sentence
from catalog.messages.translation import for_storage, translated
from catalog.models import MAX_ID, Product
from search.doctor.findings import count
from search.doctor.merging import Merged, NotMerged, merge, mergeable
from search.doctor.models import Examined, Finding, Kind, State, Subject

PER_PAGE = 20
MAX_SHOWN = 6  # products of a finding, in the list


class FilterForm(forms.Form):
    """Which findings are listed. Invalid values are ignored."""

    kind = forms.ChoiceField(choices=Kind.choices, required=False)
    state = forms.ChoiceField(choices=State.choices, required=False)
    product = forms.IntegerField(min_value=1, max_value=MAX_ID, required=False)


class MergeForm(forms.Form):
    """Which product to keep, and the revisions of all that were shown."""

    revisions = forms.CharField(max_length=20_000, widget=forms.HiddenInput)

    def __init__(self, products: Sequence[Product], data: QueryDict | None) -> None:
        seen = ",".join(f"{product.pk}:{product.revision}" for product in products)
        super().__init__(data, initial={"revisions": seen})
        self.products = products
        ids = [product.pk for product in products]
        self.fields["keep"] = forms.ModelChoiceField(Product.objects.filter(pk__in=ids))

    def clean_revisions(self) -> dict[int, int]:
        """The revisions by product."""
        try:
            pairs = (pair.split(":") for pair in self.cleaned_data["revisions"].split(","))
            return {int(pk): int(revision) for pk, revision in pairs}
        except ValueError as error:
            raise forms.ValidationError(_("This form is damaged. Open the page again.")) from error


@require_http_methods(("GET", "HEAD", "POST"))
def findings_page(request: HttpRequest) -> HttpResponse:
    """The findings, to be dismissed, merged or fixed."""
    if request.method == "POST":
        return _decide(request)
    if not request.user.has_perm("catalog.view_product"):
        raise PermissionDenied
    form = FilterForm(request.GET)
    form.full_clean()
    asked: dict[str, Any] = {name: form.cleaned_data.get(name) for name in form.fields}
    asked["state"] = asked["state"] or State.OPEN
    subjects = Subject.objects.select_related("product__category", "photo")
    subjects = subjects.defer("product__embedding", "photo__embedding")
    findings = Finding.objects.filter(state=asked["state"]).select_related("category")
    if asked["kind"]:
        findings = findings.filter(kind=asked["kind"])
    if asked["product"]:
        findings = findings.filter(pk__in=Subject.objects.of(asked["product"]))
    shown = Prefetch("subjects", subjects[:MAX_SHOWN], to_attr="shown")
    findings = findings.annotate(size=Count("subjects")).order_by("-pk").prefetch_related(shown)
    counts = count(asked["state"])
    context = {
        "title": _("Catalog doctor"),
        "page": Paginator(findings, PER_PAGE).get_page(request.GET.get("page")),
        "asked": asked,
        "kinds": [(kind, counts.get(kind, 0)) for kind in Kind],
        "total": sum(counts.values()),
        "has_run": Examined.objects.exists(),
        "may_change": request.user.has_perm("catalog.change_product"),
    }
    return _page(request, "admin/doctor/findings.html", context)


@require_http_methods(("GET", "HEAD", "POST"))
@permission_required("catalog.change_product", raise_exception=True)
def merge_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What merging the products of a finding would do; POST merges them."""
    finding = get_object_or_404(Finding, pk=pk, kind=Kind.DUPLICATE, state=State.OPEN)
    form = MergeForm(mergeable(finding), request.POST or None)
    if form.is_valid():
        try:
            values = form.cleaned_data
            merged = merge(finding, keep=values["keep"].pk, seen=values["revisions"])
        except NotMerged as error:
            messages.error(request, translated(error))
            return redirect("doctor-merge", pk=pk)
        _report(request, merged)
        return redirect("doctor")
    context = {"title": _("Merge products"), "finding": finding, "form": form}
    return _page(request, "admin/doctor/merge.html", context)


@permission_required("catalog.change_product", raise_exception=True)
def _decide(request: HttpRequest) -> HttpResponse:
    """Dismiss findings or open them again: the chosen ones, all that were shown, or one."""
    which = request.POST.get("which", "")
    lists = {"chosen": "finding", "shown": "shown"}
    texts = request.POST.getlist(lists[which]) if which in lists else [which]
    ids = [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19]
    is_dismissed = request.POST.get("state") != State.OPEN
    state = State.DISMISSED if is_dismissed else State.OPEN
    changed = Finding.objects.filter(pk__in=ids).exclude(state=state).update(state=state)
    number = Amount(changed)
    told = counted(
        "%(number)s finding is open again.", "%(number)s findings are open again.", number
    )
    if is_dismissed:
        told = counted(
            "%(number)s finding is dismissed.", "%(number)s findings are dismissed.", number
        )
    messages.success(request, translated(told))
    return redirect(request.get_full_path())


def _report(request: HttpRequest, merged: Merged) -> None:
    """Record a merge in the products' history, and show it to whoever made it."""
    hidden, kept = (
        ", ".join(f"{product.name} ({product.sku})" for product in products)
        for products in (merged.hidden, [merged.kept])
    )
    log, user = LogEntry.objects.log_actions, int(str(request.user.pk))
    with_others = sentence("Merged with %(products)s.", products=hidden)
    log(user, [merged.kept], CHANGE, for_storage(with_others))
    into_one = sentence("Hidden because it was merged into %(product)s.", product=kept)
    log(user, merged.hidden, CHANGE, for_storage(into_one))
    messages.success(
        request,
        format_html(
            _('“<a href="{link}">{name}</a>” is kept. Photos added: {photos}. Hidden: {hidden}.'),
            link=reverse("admin:catalog_product_change", args=(merged.kept.pk,)),
            name=merged.kept.name,
            photos=merged.photos,
            hidden=hidden,
        ),
    )


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
    return TemplateResponse(request, template, admin.site.each_context(request) | context)
