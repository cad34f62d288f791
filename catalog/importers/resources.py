"""Products as `products.csv` has them, in and out of the admin by django-import-export."""

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

from catalog.fetching.remote import is_remote
from catalog.importers.formulas import escape
from catalog.importers.rows import (
    InvalidCatalogFile,
    Row,
    check_header,
    fill,
    named_category,
    read_row,
    save,
    text_of,
)
from catalog.importers.sources import InvalidSource, local_picture
from catalog.models import Category, EmbeddedQuerySet, Product
from catalog.pictures.fields import NewPicture
from catalog.pictures.gate import InvalidImage
from catalog.pictures.storage import NotStored
from catalog.signals import in_one_request

STYLED = re.compile(r'<(ins|del) style="[^"]*">')
MOST_ROWS = 2000  # a request has to import them while somebody waits


class PlainDiff(Diff):  # type: ignore[misc]
    """What an import changes, without styles in the page; import_export/import.css has the same."""

    def as_html(self) -> list[SafeString]:
        return [SafeString(STYLED.sub(r"<\1>", html)) for html in super().as_html()]


class TextWidget(Widget):  # type: ignore[misc]
    """Text that no spreadsheet takes for a formula."""

    def render(self, value: str | None, obj: Any = None, **_: Any) -> str:
        return escape(value or "")


class PriceWidget(Widget):  # type: ignore[misc]
    """A number in any language, and also in a spreadsheet."""

    def render(self, value: Decimal | None, obj: Any = None, **_: Any) -> Decimal | str:
        return "" if value is None else value


class ProductResource(ModelResource):  # type: ignore[misc]
    """Reads and checks rows by the rules of `import_products`, and writes such rows.

    Paths of pictures must lead into the media folder, and no product may be there twice. All
    rows are imported, or none.
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
        fields = (
            *("sku", "name", "category", "image_url"),
            *("price", "currency", "link", "active"),
        )
        import_id_fields = ("sku",)
        skip_unchanged = True
        use_transactions = True

    def get_diff_class(self) -> type[Diff]:
        return PlainDiff

    def filter_export(self, queryset: EmbeddedQuerySet, **_: Any) -> EmbeddedQuerySet:
        """Of the products only what is exported, never their vectors."""
        columns = [field.attribute for field in self.get_export_fields()]
        return queryset.select_related("category").only(*columns)

    def import_data_inner(self, *args: Any, **options: Any) -> Result:
        with in_one_request():
            return super().import_data_inner(*args, **options)

    def before_import(self, dataset: Dataset, user: Any = None, **_: Any) -> None:
        try:
            _check(dataset)
        except InvalidCatalogFile:
            dataset.wipe()  # else every row would be told to be wrong, too
            raise
        self.user = user
        self.seen: set[str] = set()
        skus = [text_of(cell) for cell in dataset["id"]]
        self.known: dict[str, Product]
        self.known = Product.objects.select_related("category").in_bulk(skus, field_name="sku")

    def before_import_row(self, row: dict[str, object], **_: Any) -> None:
        self.row: Row = read_row(row)
        if self.row.sku in self.seen:
            raise ValidationError({"id": "The file has this product more than once."})
        self.seen.add(self.row.sku)

    def get_instance(self, instance_loader: Any, row: dict[str, object]) -> Product | None:
        return self.known.get(self.row.sku)

    def init_instance(self, row: Any = None) -> Product:
        return Product(sku=self.row.sku)

    def import_instance(
        self, instance: Product, row: dict[str, object], *, dry_run: bool, **_: Any
    ) -> None:
        picture = _picture(self.row.source, instance)  # before its address is the new one
        self.changed = fill(instance, self.row, self._category)
        self.has_picture = picture is not None
        self.picture = None if dry_run else picture  # files know no rollback

    def skip_row(
        self, instance: Product, original: Product, row: Any, import_validation_errors: Any = None
    ) -> bool:
        if import_validation_errors or self.has_picture:
            return False
        skip: bool = super().skip_row(instance, original, row)
        return skip

    def do_instance_save(self, instance: Product, is_create: bool) -> None:
        try:
            save(instance, self.changed, self.picture)
        except NotStored as error:
            raise ValidationError({"image_url": str(error)}) from error

    def _category(self, name: str) -> Category:
        may_add = self.user is None or self.user.has_perm("catalog.add_category")
        if not (may_add or Category.objects.filter(name=name).exists()):
            raise ValidationError({"category": "There is none, and you may not add categories."})
        return named_category(name)


def _check(dataset: Dataset) -> None:
    """Raises InvalidCatalogFile. The columns have their proper names afterwards."""
    dataset.headers = check_header(dataset.headers or [])
    while len(dataset) and not any(map(text_of, dataset[-1])):
        dataset.pop()  # spreadsheets go on in empty rows
    if len(dataset) > MOST_ROWS:
        raise InvalidCatalogFile(
            f"The file has {len(dataset)} rows; {MOST_ROWS} are the most here. "
            "Larger ones are for `manage.py import_products`."
        )


def _picture(source: str, product: Product) -> NewPicture | None:
    if not source or is_remote(source):
        return None
    folders = {"in the media folder": Path(settings.MEDIA_ROOT)}
    try:
        return local_picture(source, folders, product, confined=True)
    except (InvalidImage, InvalidSource) as error:
        raise ValidationError({"image_url": str(error)}) from error
