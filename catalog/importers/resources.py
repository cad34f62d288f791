"""Exports of products in the admin, by django-import-export."""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch
from import_export.fields import Field  # type: ignore[import-untyped]
from import_export.resources import ModelResource  # type: ignore[import-untyped]
from import_export.widgets import BooleanWidget, Widget  # type: ignore[import-untyped]

from catalog.importers.formats.products import COLUMNS, escape_entities, escape_formula
from catalog.importers.writer import addressed_photos
from catalog.models import EmbeddedQuerySet, Product, ProductPhoto
from catalog.values import FORBIDDEN

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MAX_CELL = 32_767  # characters, in a spreadsheet


class KeyWidget(Widget):  # type: ignore[misc]
    """A key, escaped so that no spreadsheet runs it as a formula.

    Control characters, which older releases accepted and no spreadsheet can hold, are replaced. Of
    a text that is too long for a cell, a part would replace the whole, so it is left out.
    """

    def render(self, value: str | None, obj: Any = None, **_: Any) -> str:
        text = escape_formula(FORBIDDEN.sub(REPLACEMENT, value or ""))
        return text if len(text) <= MAX_CELL else ""


class TextWidget(KeyWidget):
    """Text in which an import would decode entities."""

    def render(self, value: str | None, obj: Any = None, **options: Any) -> str:
        return super().render(escape_entities(value or ""), obj, **options)


class PriceWidget(Widget):  # type: ignore[misc]
    """A number, which the locale does not change and which stays a number in a spreadsheet."""

    def render(self, value: Decimal | None, obj: Any = None, **_: Any) -> Decimal | str:
        return "" if value is None else value


class AttributesWidget(Widget):  # type: ignore[misc]
    """Attributes as a JSON object, in whose texts an import would decode entities."""

    def render(self, value: Mapping[str, str] | None, obj: Any = None, **options: Any) -> str:
        text = json.dumps(value, ensure_ascii=False) if value else ""
        return TextWidget().render(text, obj, **options)


class ProductResource(ModelResource):  # type: ignore[misc]
    """Exports rows that `import_products` can import."""

    sku = Field("sku", "id", KeyWidget())
    name = Field("name", "name", TextWidget())
    category = Field("category__name", "category", TextWidget())
    image_url = Field("image_url", "image_url", TextWidget())
    price = Field("price", "price", PriceWidget())
    currency = Field("currency", "currency", TextWidget())
    link = Field("link", "link", TextWidget())
    active = Field("active", "active", BooleanWidget())
    group = Field("group", "group", KeyWidget())
    availability = Field("availability", "availability", TextWidget())
    brand = Field("brand", "brand", TextWidget())
    sale_price = Field("sale_price", "sale_price", PriceWidget())
    attributes = Field("attributes", "attributes", AttributesWidget())
    photos = Field(column_name="additional_image_url")

    class Meta:
        model = Product
        fields = tuple(COLUMNS)

    def filter_export(self, queryset: EmbeddedQuerySet, **_: Any) -> EmbeddedQuerySet:
        """Reads only the exported columns, so never the vectors."""
        columns = [field.attribute for field in self.get_export_fields() if field.attribute]
        photos = ProductPhoto.objects.only("product_id", "position", "image_url")
        queryset = queryset.select_related("category").only(*columns)
        return queryset.prefetch_related(Prefetch("photos", photos))

    def dehydrate_photos(self, product: Product) -> str:
        return TextWidget().render(" ".join(each.image_url for each in addressed_photos(product)))

    def iter_queryset(self, queryset: EmbeddedQuerySet) -> Iterator[Product]:
        """The rows of one query; otherwise those that move between its pages would be missed."""
        products: Iterable[Product] = queryset.iterator(chunk_size=self.get_chunk_size())
        yield from products
