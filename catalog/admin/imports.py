"""The page that imports a file of products: first what would change, then the import."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from catalog.importers import (
    InvalidCatalogFile,
    RowResult,
    import_table,
    read_table,
    summarize,
)
from catalog.importers.formats.products import COLUMNS, NEEDED
from catalog.importers.writer import CREATED, FAILED, UNCHANGED, UPDATED
from catalog.models import Product, UnconfirmedImport, default_currency

MAX_ROWS = 2000  # a person waits while a request imports them
SHOWN_ROWS = 100  # of each table of the page
FILES_OF_USER = 3  # that wait for a confirmation
GONE = "This file was imported already, or a day has passed. Choose it again."
SHOWN = (CREATED, UPDATED, UNCHANGED, FAILED)
SIGNER = TimestampSigner(salt="catalog.admin.imports")


class UploadForm(forms.Form):
    import_file = forms.FileField(
        label="File", widget=forms.FileInput({"accept": ".csv,.tsv,.txt,.xlsx"})
    )


class ConfirmForm(forms.Form):
    import_file_name = forms.CharField(widget=forms.HiddenInput)

    def clean_import_file_name(self) -> int:
        """The id of the file, from its signed name."""
        signed = self.cleaned_data["import_file_name"]
        try:
            return int(SIGNER.unsign(signed, max_age=UnconfirmedImport.LIFETIME))
        except BadSignature as error:
            raise forms.ValidationError(GONE) from error


class ImportsProducts(admin.ModelAdmin):
    """The button "Import" above the list of products, and its pages."""

    class Media:
        css: ClassVar = {"all": ("admin.css",)}

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_import = {"has_import_permission": self.has_import_permission(request)}
        return super().changelist_view(request, {**(extra_context or {}), **may_import})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        confirm = view(require_POST(self.confirm_view))
        return [
            path("import/", view(self.import_view), name="catalog_product_import"),
            path("process_import/", confirm, name="catalog_product_process_import"),
            *super().get_urls(),
        ]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """The form for a file and, once there is one, what its import would change."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, form=UploadForm())
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._page(request, form=form)
        upload = form.cleaned_data["import_file"]
        data = upload.read()
        try:
            results = self._import(request, data, dry_run=True)
        except InvalidCatalogFile as error:
            form.add_error("import_file", str(error))
            return self._page(request, form=form)
        context: dict[str, Any] = {"form": UploadForm(), "results": results, "file": upload.name}
        if any(result.status in (CREATED, UPDATED) for result in results):
            name = SIGNER.sign(str(_keep(request.user.pk, upload.name, data)))
            context["confirm_form"] = ConfirmForm(initial={"import_file_name": name})
        return self._page(request, **context)

    def confirm_view(self, request: HttpRequest) -> HttpResponse:
        """Import a file that was shown before, once."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = ConfirmForm(request.POST)
        waiting = UnconfirmedImport.objects.none()
        if form.is_valid():
            waiting = UnconfirmedImport.objects.filter(
                pk=form.cleaned_data["import_file_name"], user=request.user.pk
            )
        file = waiting.first()
        if file is None or not waiting.delete()[0]:  # only one of two confirmations deletes it
            messages.error(request, GONE)
            return redirect("admin:catalog_product_import")
        try:
            results = self._import(request, bytes(file.data), dry_run=False)
        except InvalidCatalogFile as error:
            messages.error(request, str(error))
            return redirect("admin:catalog_product_import")
        _log(request.user.pk, results, file.name)
        counts = summarize(results).counts
        done = ", ".join(f"{counts[status]:,} {status}" for status in SHOWN)
        if not counts[FAILED] and not any(result.sku and result.reason for result in results):
            messages.success(request, f"Import finished: {done}.")
            return redirect("admin:catalog_product_changelist")
        messages.warning(request, f"Import finished: {done}.")
        return self._page(request, form=UploadForm(), results=results, file=file.name, is_done=True)

    def _import(self, request: HttpRequest, data: bytes, *, dry_run: bool) -> list[RowResult]:
        """Import a file, or see what would change. Raises InvalidCatalogFile."""
        table = read_table(BytesIO(data))
        if sum(1 for _ in islice(table, MAX_ROWS + 1)) > MAX_ROWS:
            raise InvalidCatalogFile(
                f"The file has more than {MAX_ROWS:,} rows. "
                "Import larger files with: python manage.py import_products FILE"
            )
        results = import_table(
            table,
            {"in the media folder": Path(settings.MEDIA_ROOT)},
            confined=True,
            may_add_categories=request.user.has_perm("catalog.add_category"),
            dry_run=dry_run,
        )
        return list(results)

    def _page(
        self, request: HttpRequest, *, results: Sequence[RowResult] = (), **context: Any
    ) -> TemplateResponse:
        report = summarize(results)
        context |= {
            **self.admin_site.each_context(request),
            "title": "Import products",
            "opts": self.opts,
            "required": [COLUMNS[name][0] for name in NEEDED],
            "optional": [COLUMNS[name][0].rstrip("#") for name in COLUMNS if name not in NEEDED],
            "max_rows": MAX_ROWS,
            "shown_rows": SHOWN_ROWS,
            "default_currency": default_currency(),
            "results": results,
            "report": report,
            "counts": {status: report.counts[status] for status in SHOWN},
            "created": [result for result in results if result.status == CREATED],
            "updated": [result for result in results if result.status == UPDATED],
        }
        return TemplateResponse(request, "admin/catalog/product/import.html", context)


def _keep(user_id: Any, name: str, data: bytes) -> int:
    """Keep a file until it is confirmed; the id. The oldest ones go."""
    UnconfirmedImport.objects.expired().delete()
    own = UnconfirmedImport.objects.filter(user=user_id)
    older = own.order_by("-pk").values_list("pk", flat=True)[FILES_OF_USER - 1 :]
    own.filter(pk__in=list(older)).delete()
    return own.create(user_id=user_id, name=name, data=data).pk


def _log(user_id: Any, results: Iterable[RowResult], name: str) -> None:
    """Note in the history of each product that it came from the file."""
    skus: dict[str, list[str]] = {CREATED: [], UPDATED: []}
    for result in results:
        if result.status in skus:
            skus[result.status].append(result.sku)
    for status, flag in ((CREATED, ADDITION), (UPDATED, CHANGE)):
        products = Product.objects.filter(sku__in=skus[status]).only("pk", "name")
        LogEntry.objects.log_actions(
            user_id, products, flag, change_message=f"Imported from {name}."
        )
