"""Exporting products as files, by django-import-export."""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from import_export.admin import ExportMixin  # type: ignore[import-untyped]
from import_export.formats.base_formats import CSV, XLSX  # type: ignore[import-untyped]
from import_export.forms import SelectableFieldsExportForm  # type: ignore[import-untyped]

from catalog.admin.lists import field_name
from catalog.importers.resources import ProductResource


class ExportForm(SelectableFieldsExportForm):  # type: ignore[misc]
    """The form, with the columns' names in the active language.

    It has no checkbox for all columns, which would need an inline script.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.initial_field = False
        for name, exported in ProductResource.fields.items():
            key = self.create_boolean_field_name(ProductResource, name)
            self.fields[key].label = f"{field_name(name)} ({exported.column_name})"


class ExportsProducts(ExportMixin):  # type: ignore[misc]
    """The button "Export" above the list of products, and its page."""

    resource_classes = (ProductResource,)
    export_form_class = ExportForm
    formats: ClassVar = [CSV, XLSX]
    to_encoding = "utf-8-sig"  # without the mark, Excel reads CSV in the code page of Windows

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def export_action(self, request: HttpRequest) -> HttpResponse:
        """The page that exports the list with its filters."""
        try:
            page: HttpResponse = super().export_action(request)
        except (IncorrectLookupParameters, OverflowError):
            messages.error(request, _("The address has an invalid filter. Choose again."))
            return redirect("admin:catalog_product_changelist")
        return page
