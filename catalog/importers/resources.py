"""Imports and exports of products in the admin, by django-import-export."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.safestring import SafeString
from import_export.fields import Field  # type: ignore[import-untyped]
from import_export.resources import Diff, ModelResource  # type: ignore[import-untyped]
from import_export.results import Result  # type: ignore[import-untyped]
from import_export.widgets import BooleanWidget, Widget  # type: ignore[import-untyped]
from tablib import Dataset  # type: ignore[import-untyped]

from catalog.importers.products_csv import (
    check_header,
    escape_formula,
    read_values,
    text_of,
    with_local_picture,
)
from catalog.importers.tables import InvalidCatalogFile
from catalog.importers.writer import FAILED, UNCHANGED, ProductWriter, Values
from catalog.models import EmbeddedQuerySet, Product
from catalog.pictures.storage import NotStored
from catalog.tasks import batched_messages

STYLED = re.compile(r'<(ins|del) style="[^"]*">')
MAX_ROWS = 2000  # a person waits while a request imports them


class PlainDiff(Diff):  # type: ignore[misc]
    """What an import changes, without inline styles; import.css already styles ins and del."""

    def as_html(self) -> list[SafeString]:
        return [SafeString(STYLED.sub(r"<\1>", html)) for html in super().as_html()]


class TextWidget(Widget):  # type: ignore[misc]
    """Text, escaped so that no spreadsheet runs it as a formula."""

    def render(self, value: str | None, obj: Any = None, **_: Any) -> str:
        return escape_formula(value or "")


class PriceWidget(Widget):  # type: ignore[misc]
    """A number, which the locale does not change and which stays a number in a spreadsheet."""

    def render(self, value: Decimal | None, obj: Any = None, **_: Any) -> Decimal | str:
        return "" if value is None else value


class ProductResource(ModelResource):  # type: ignore[misc]
    """Imports rows by the rules of `import_products`, and exports rows that it can import.

    Here paths of pictures must lead into the media folder, no product may occur twice, and either
    all rows are imported or none.
    """

    sku = Field("sku", "id", TextWidget())
    name = Field("name", "name", TextWidget())
    category = Field("category__name", "category", TextWidget())
    image_url = Field("image_url", "image_url", TextWidget())
    price = Field("price", "price", PriceWidget())
    currency = Field("currency", "currency", TextWidget())
    link = Field("link", "link", TextWidget())
    active = Field("active", "active", BooleanWidget())

    class Meta:
        model = Product
        fields = ("sku", "name", "category", "image_url", "price", "currency", "link", "active")
        import_id_fields = ("sku",)
        use_transactions = True

    def get_diff_class(self) -> type[Diff]:
        return PlainDiff

    def filter_export(self, queryset: EmbeddedQuerySet, **_: Any) -> EmbeddedQuerySet:
        """Reads only the exported columns, so never the vectors."""
        columns = [field.attribute for field in self.get_export_fields()]
        return queryset.select_related("category").only(*columns)

    def import_data_inner(self, *args: Any, **options: Any) -> Result:
        with batched_messages():
            return super().import_data_inner(*args, **options)

    def before_import(self, dataset: Dataset, user: Any = None, **_: Any) -> None:
        try:
            dataset.headers = check_header(dataset.headers or [])
            while len(dataset) and not any(map(text_of, dataset[-1])):
                dataset.pop()  # spreadsheets often end in empty rows
            if len(dataset) > MAX_ROWS:
                raise InvalidCatalogFile(
                    f"The file has {len(dataset)} rows; the maximum here is {MAX_ROWS}. "
                    "Import larger files with `manage.py import_products`."
                )
        except InvalidCatalogFile:
            dataset.wipe()  # otherwise every row would be reported as well
            raise
        self.seen: set[str] = set()
        self.writer = ProductWriter(
            map(text_of, dataset["id"]),
            may_add_categories=user is None or user.has_perm("catalog.add_category"),
        )

    def before_import_row(self, row: dict[str, object], **_: Any) -> None:
        self.values: Values = read_values(row)
        if self.values["sku"] in self.seen:
            raise ValidationError({"id": "The file has this product more than once."})
        self.seen.add(self.values["sku"])

    def get_instance(self, instance_loader: Any, row: dict[str, object]) -> Product | None:
        return self.writer.products.get(self.values["sku"])

    def import_instance(
        self, instance: Product, row: dict[str, object], *, dry_run: bool, **_: Any
    ) -> None:
        """Write the whole row at once; the preview rolls its transaction back afterwards."""
        known = self.writer.products.get(self.values["sku"])
        folders = {"in the media folder": Path(settings.MEDIA_ROOT)}
        values = with_local_picture(self.values, known, folders, confined=True)
        has_picture = "image" in values
        try:
            # Files can't be rolled back, so a preview stores none.
            result = self.writer.write(instance, self.values if dry_run else values)
        except NotStored as error:
            raise ValidationError({"image_url": str(error)}) from error
        if result.status == FAILED:
            raise ValidationError(dict(result.errors))
        self.skips = result.status == UNCHANGED and not has_picture

    def skip_row(
        self, instance: Product, original: Product, row: Any, import_validation_errors: Any = None
    ) -> bool:
        return not import_validation_errors and self.skips

    def do_instance_save(self, instance: Product, is_create: bool) -> None:
        """`import_instance` has saved it."""
