"""Importing and exporting files in the admin."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from import_export.admin import ImportExportMixin  # type: ignore[import-untyped]
from import_export.formats.base_formats import CSV, XLSX  # type: ignore[import-untyped]
from import_export.forms import SelectableFieldsExportForm  # type: ignore[import-untyped]
from import_export.results import Result  # type: ignore[import-untyped]
from import_export.tmp_storages import (  # type: ignore[import-untyped]
    CacheStorage,
    TempFolderStorage,
)

from catalog.importers.products_csv import sentence
from catalog.importers.resources import ProductResource


class ExportForm(SelectableFieldsExportForm):  # type: ignore[misc]
    """The form without the checkbox for all fields, which would need an inline script."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.initial_field = False


class ProductFiles(ImportExportMixin):  # type: ignore[misc]
    """The buttons "Import" and "Export" above the list of products, and their pages."""

    resource_classes = (ProductResource,)
    export_form_class = ExportForm
    formats: ClassVar = [CSV, XLSX]
    to_encoding = "utf-8-sig"  # without the mark, Excel reads CSV in the code page of Windows

    def has_import_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_add_permission(request) and self.has_change_permission(request))

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def export_action(self, request: HttpRequest) -> HttpResponse:
        """The page that exports the list with its filters."""
        try:
            page: HttpResponse = super().export_action(request)
        except (IncorrectLookupParameters, OverflowError):
            messages.error(request, "The address has an invalid filter. Choose again.")
            return redirect("admin:catalog_product_changelist")
        return page

    def get_tmp_storage_class(self) -> Any:
        """Where a file is kept until its import is confirmed, perhaps on another machine."""
        return CacheStorage if settings.CACHE_URL else TempFolderStorage

    def get_import_data_kwargs(self, **kwargs: Any) -> Any:
        return super().get_import_data_kwargs(**kwargs) | {"rollback_on_validation_errors": True}

    def process_result(self, result: Result, request: HttpRequest) -> Any:
        """Report rows that were valid in the preview but are not now: nothing was imported."""
        if not (result.has_errors() or result.has_validation_errors()):
            return super().process_result(result, request)
        reasons = [sentence(row.error) for row in result.invalid_rows]
        reasons.append("The catalog or the server has changed since the preview.")
        messages.error(request, f"Nothing was imported. {reasons[0]}")
        return redirect("admin:catalog_product_import")
