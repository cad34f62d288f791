"""Importing and exporting files in the admin."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import redirect
from import_export.admin import ImportExportMixin  # type: ignore[import-untyped]
from import_export.formats.base_formats import CSV, XLSX  # type: ignore[import-untyped]
from import_export.results import Result  # type: ignore[import-untyped]
from import_export.tmp_storages import (  # type: ignore[import-untyped]
    CacheStorage,
    TempFolderStorage,
)

from catalog.importers.resources import ProductResource


class ProductFiles(ImportExportMixin):  # type: ignore[misc]
    """The buttons "Import" and "Export" above the list of products, and their pages."""

    resource_classes = (ProductResource,)
    formats: ClassVar = [CSV, XLSX]
    to_encoding = "utf-8-sig"  # else Excel reads CSV as what it was on Windows in 1995

    def has_import_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_add_permission(request) and self.has_change_permission(request))

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def get_tmp_storage_class(self) -> Any:
        """Where a file waits for its confirmation, which may come to another machine."""
        return CacheStorage if settings.CACHE_URL else TempFolderStorage

    def get_import_data_kwargs(self, **kwargs: Any) -> Any:
        return super().get_import_data_kwargs(**kwargs) | {"rollback_on_validation_errors": True}

    def process_result(self, result: Result, request: HttpRequest) -> Any:
        """What was right in the preview may be wrong by now: then nothing was imported."""
        if not (result.has_errors() or result.has_validation_errors()):
            return super().process_result(result, request)
        messages.error(request, "Nothing was imported, as the catalog has changed meanwhile.")
        return redirect("admin:catalog_product_import")
