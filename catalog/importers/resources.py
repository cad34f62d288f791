"""Exports of products in the admin, by django-import-export."""

from decimal import Decimal
from typing import Any

from import_export.fields import Field  # type: ignore[import-untyped]
from import_export.resources import ModelResource  # type: ignore[import-untyped]
from import_export.widgets import BooleanWidget, Widget  # type: ignore[import-untyped]

from catalog.importers.formats.products import escape_entities, escape_formula
from catalog.models import EmbeddedQuerySet, Product
from catalog.values import FORBIDDEN

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class KeyWidget(Widget):  # type: ignore[misc]
    """A key, escaped so that no spreadsheet runs it as a formula.

    Control characters, which older releases accepted and no spreadsheet can hold, are replaced.
    """

    def render(self, value: str | None, obj: Any = None, **_: Any) -> str:
        return escape_formula(FORBIDDEN.sub(REPLACEMENT, value or ""))


class TextWidget(KeyWidget):
    """Text in which an import would decode entities."""

    def render(self, value: str | None, obj: Any = None, **options: Any) -> str:
        return super().render(escape_entities(value or ""), obj, **options)


class PriceWidget(Widget):  # type: ignore[misc]
    """A number, which the locale does not change and which stays a number in a spreadsheet."""

    def render(self, value: Decimal | None, obj: Any = None, **_: Any) -> Decimal | str:
        return "" if value is None else value


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

    class Meta:
        model = Product
        fields = ("sku", "name", "category", "image_url", "price", "currency", "link", "active")

    def filter_export(self, queryset: EmbeddedQuerySet, **_: Any) -> EmbeddedQuerySet:
        """Reads only the exported columns, so never the vectors."""
        columns = [field.attribute for field in self.get_export_fields()]
        return queryset.select_related("category").only(*columns)
