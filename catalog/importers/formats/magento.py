"""Magento 2's product CSV (Adobe Commerce).

A product has a row for each store view in which it differs; the row of none is whole. A
configurable product lists its variants, whose own rows do not name it.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from catalog.importers.formats.contract import Draft, Format, Keeper, in_column
from catalog.importers.sales import Cheapest, amount_of, is_lower, is_running, next_change
from catalog.importers.tables import InvalidCatalogFile
from catalog.messages import sentence
from catalog.values import REMOTE, InvalidValue

COLUMNS = {
    "sku": ("sku",),
    "store_view": ("store_view_code",),
    "type": ("product_type",),
    "category": ("categories",),
    "name": ("name",),
    "active": ("product_online",),
    "visibility": ("visibility",),
    "price": ("price",),
    "special_price": ("special_price",),
    "special_from": ("special_price_from_date",),
    "special_to": ("special_price_to_date",),
    "url_key": ("url_key",),
    "image_url": ("base_image",),
    "additional_images": ("additional_images",),
    "hidden_images": ("hide_from_product_page",),
    "additional_attributes": ("additional_attributes",),
    "color": ("color", "colour"),
    "size": ("size",),
    "material": ("material",),
    "brand": ("brand", "manufacturer"),
    "quantity": ("qty",),
    "availability": ("is_in_stock",),
    "backorders": ("allow_backorders",),
    "variations": ("configurable_variations",),
}
ATTRIBUTES = ("color", "size", "material")  # which are columns in some files
# What Magento keeps among the attributes and no shopper knows.
TECHNICAL = re.compile(r"(has|required)_options|gift_.*|ts_.*|sw_.*|.*_(layout|date|type|enabled)")
COMPOSED = ("configurable", "grouped", "bundle")  # price and stock are those of other products
UNSEEN = ("not visible individually", "1")
MAX_CATEGORIES = 200  # of a product
MEDIA = "media/catalog/product"
ROOT = "Default Category"
PAIR = re.compile(r',(?="?[A-Za-z]\w*=)')


@dataclass(frozen=True, slots=True)
class _Parent:
    """What variants take from their configurable product."""

    sku: str
    category: str
    image_url: str
    link: str
    active: str


def products(rows: Iterable[Draft]) -> Iterator[Draft]:
    """A draft for each product. Raises InvalidCatalogFile where no row is whole."""
    variants: dict[str, tuple[_Parent, str]] = {}  # by SKU; the text tells them apart
    unpriced: set[str] = set()  # configurable products
    keeper = Keeper()
    has_rows = False
    for row in _whole(rows):
        has_rows = True
        if row["variations"]:
            product = _product(row)
            parent = _Parent(*(product[name] for name in _Parent.__slots__))
            keeper.keep(*(product[name] for name in _Parent.__slots__))
            for text in row["variations"].split("|"):
                sku = _pairs(text).get("sku", "")
                keeper.keep(sku, text)
                variants[sku] = parent, text
            if not _regular(row):
                unpriced.add(parent.sku)
    if not has_rows:
        raise InvalidCatalogFile(
            sentence("Each row belongs to a store view. Export the products with all store views.")
        )
    cheapest = Cheapest()  # by the parent's SKU
    for row in _whole(rows) if unpriced else ():
        if row["sku"] in variants and (parent := variants[row["sku"]][0]).sku in unpriced:
            with suppress(InvalidValue):
                cheapest.add(parent.sku, *_prices(row))
    photographed: set[int] = set()
    for row in _whole(rows):
        try:
            price, sale_price = _prices(row)
        except InvalidValue as error:
            yield replace(row, error=row.error or in_column("special_price", error))
            continue
        product = _product(row).but(price=price, sale_price=sale_price)
        if changes_at := next_change(row["special_from"], row["special_to"]):
            product = replace(product, changes_at=changes_at)
        if row["sku"] in unpriced:
            product = product.but(**cheapest.of(row["sku"]))
        if row["type"] in COMPOSED and not product["price"]:
            reason = sentence(
                # Translators: the type is one of Magento's: configurable, grouped or bundle.
                "A %(type)s product has no price of its own. Its parts are imported.",
                type=row["type"],
            )
            product = replace(product, error=product.error or reason)
        if row["sku"] in variants:
            product = _variant(product, *variants[row["sku"]])
            picture = hash((product["group"], product["image_url"]))
            if picture in photographed:
                product = product.but(photos=())
            photographed.add(picture)
        elif row["visibility"].lower() in UNSEEN:
            product = product.but(active="no")
        yield product


def _whole(rows: Iterable[Draft]) -> Iterator[Draft]:
    """The rows that do not only say what differs in a store view."""
    return (row for row in rows if not row["store_view"] or row.error)


def _product(row: Draft) -> Draft:
    """The product in a row, as far as the row alone tells."""
    texts: dict[str, Any] = {
        "category": _deepest(row["category"]),
        "image_url": _picture(row["image_url"]),
        "link": row["url_key"] and f"{row['url_key']}.html",
        "active": {"1": "yes", "2": "no"}.get(row["active"], row["active"]),
        "availability": _availability(row),
        "group": row["sku"] if row["variations"] else "",
    }
    if "additional_images" in row.texts:
        hidden = row["hidden_images"].split(",")
        further = (path for path in row["additional_images"].split(",") if path not in hidden)
        texts["photos"] = list(filter(None, map(_picture, further)))
    attributes = _pairs(row["additional_attributes"])
    brands = (row["brand"], attributes.pop("brand", ""), attributes.pop("manufacturer", ""))
    if "brand" in row.texts or any(brands):
        texts["brand"] = next(filter(None, brands), "")
    texts["attributes"] = {
        name: text.replace("|", ", ")
        for name, text in attributes.items()
        if not TECHNICAL.fullmatch(name)
    } | {name: row[name] for name in ATTRIBUTES if row[name]}
    return row.but(**texts)


def _variant(product: Draft, parent: _Parent, text: str) -> Draft:
    """A product as a variant, with what it lacks from its configurable product."""
    apart = _pairs(text)
    apart.pop("sku", None)
    is_seen = product["visibility"].lower() not in UNSEEN
    return product.but(
        group=parent.sku,
        category=product["category"] or parent.category,
        image_url=product["image_url"] or parent.image_url,
        link=product["link"] if is_seen else parent.link,
        active="no" if "no" in (product["active"], parent.active) else product["active"],
        attributes={**product.texts["attributes"], **apart},
    )


def _prices(row: Draft) -> tuple[str, str]:
    """The price and today's special price, "" where there is none. Raises InvalidValue."""
    regular, special = _regular(row), row["special_price"]
    is_sale = is_lower(special, regular) and is_running(row["special_from"], row["special_to"])
    return regular, special if is_sale else ""


def _regular(row: Draft) -> str:
    """The price, "" where a product of others has none."""
    return row["price"] if row["type"] not in COMPOSED or amount_of(row["price"]) else ""


def _availability(row: Draft) -> str:
    """Whether a product can be bought, "" where the file does not say it."""
    amount = None if row["type"] in COMPOSED else amount_of(row["quantity"])
    lacks = amount is not None and amount <= 0
    if lacks and row["availability"] != "0" and row["backorders"] in ("1", "2"):
        return "backorder"
    if row["availability"] or amount is None:
        return row["availability"]
    return "out_of_stock" if lacks else "in_stock"


def _deepest(text: str) -> str:
    """The first of the deepest categories, without the root: Default Category/Gear/Bags."""
    paths: list[list[str]] = []
    for part in text.split(",")[:MAX_CATEGORIES]:
        levels = [level.strip().replace("\\/", "/") for level in re.split(r"(?<!\\)/", part)]
        if paths and len(levels) == 1 and levels[0] != paths[0][0]:  # a comma in a name
            paths[-1][-1] += f", {levels[0]}"
        else:
            paths.append(levels)
    return " > ".join(max(paths, key=len)[1:])


def _picture(path: str) -> str:
    """Where a picture is below the shop's address, "" where there is none."""
    path = path.strip()
    if not path or path == "no_selection" or REMOTE.match(path):
        return "" if path == "no_selection" else path
    return f"{MEDIA}/{path.lstrip('/')}"


def _pairs(text: str) -> dict[str, str]:
    """The values in a list such as sku=A,color=Red, in which values may have commas."""
    pairs = (part.strip().strip('"').partition("=") for part in PAIR.split(text))
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs if name}


FORMAT = Format("Magento 2", COLUMNS, ("sku", "name", "type", "price"), products)
