"""The format products.csv, which the admin also exports."""

from catalog.importers.formats.contract import Format
from catalog.importers.formats.reading import FORMULA
from catalog.values import ENTITY

COLUMNS = {
    "sku": ("id", "sku"),
    "name": ("name",),
    "category": ("category",),
    "image_url": ("image_url",),
    "price": ("price",),
    "currency": ("currency",),
    "link": ("link",),
    "active": ("active",),
    "group": ("group",),
    "availability": ("availability",),
    "brand": ("brand",),
    "sale_price": ("sale_price",),
    "attributes": ("attributes",),
    "photos": ("additional_image_url#",),
}
NEEDED = ("sku", "name", "category", "image_url", "price")

FORMAT = Format(title="products.csv", columns=COLUMNS, needed=NEEDED, is_own=True)


def escape_formula(text: str) -> str:
    """The text, made harmless for spreadsheets, which would run it if it looked like a formula.

    A leading apostrophe marks it as text (OWASP, "CSV Injection"). Text that looks escaped already
    gets one more, so that `text_of` restores every text.
    """
    return f"'{text}" if FORMULA.match(text) else text


def escape_entities(text: str) -> str:
    """The text, written so that `catalog.values.line` restores it: `&amp;` as `&amp;amp;`."""
    return ENTITY.sub(lambda entity: f"&amp;{entity[0][1:]}", text)
