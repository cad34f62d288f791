"""A product's page in a shop, with JSON-LD of schema.org; `product_page.py` makes a table of it."""

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext_lazy as _

from catalog.importers.formats.contract import Draft, Format
from catalog.importers.sales import is_lower

COLUMNS = {
    "sku": ("sku",),
    "name": ("name",),
    "category": ("category",),
    "brand": ("brand",),
    "price": ("offers.price",),
    "list_price": ("offers.listPrice",),
    "currency": ("offers.priceCurrency",),
    "availability": ("offers.availability",),
    "link": ("url",),
    "group": ("productGroupID",),
    "photos": ("image[#]",),
    "color": ("color",),
    "size": ("size",),
    "material": ("material",),
    "pattern": ("pattern",),
}
ATTRIBUTES = ("color", "size", "material", "pattern")


def products(rows: Iterable[Draft]) -> Iterator[Draft]:
    """A draft for each row."""
    for row in rows:
        texts = {"attributes": {name: row[name] for name in ATTRIBUTES}, "sale_price": ""}
        if is_lower(row["price"], row["list_price"]):
            texts |= {"price": row["list_price"], "sale_price": row["price"]}
        yield row.but(**texts)


FORMAT = Format(
    title=_("product page (JSON-LD)"), columns=COLUMNS, needed=("name", "price"), products=products
)
