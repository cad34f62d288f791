"""Shopify's product CSV, with the old and the new names of its columns.

Rows with the same handle are one product, wherever they are in the file. The first has what all
variants share; each may have a variant, a picture, or both.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from typing import Any
from urllib.parse import quote

from catalog.importers.formats.contract import Draft, Format
from catalog.importers.sales import amount_of, is_lower
from catalog.importers.tables import InvalidCatalogFile, Record
from catalog.messages import Sentence, sentence
from catalog.values import MAX_GROUP, MAX_SKU

COLUMNS = {
    "handle": ("Handle", "URL handle"),
    "name": ("Title",),
    "brand": ("Vendor",),
    "type": ("Type", "Custom Product Type"),
    "category": (),  # only if somebody chooses a column
    "taxonomy": ("Product Category", "Standardized Product Type", "Standard Product Type"),
    "active": ("Published", "Published on online store"),
    "status": ("Status",),
    "option_names": ("Option# Name",),
    "option_values": ("Option# Value",),
    "sku": ("Variant SKU", "SKU"),
    "price": ("Variant Price", "Price"),
    "compare_at_price": ("Variant Compare At Price", "Compare-at price"),
    "tracker": ("Variant Inventory Tracker", "Inventory tracker"),
    "quantity": ("Variant Inventory Qty", "Inventory quantity"),
    "policy": ("Variant Inventory Policy", "Continue selling when out of stock"),
    "image_url": ("Image Src", "Product image URL"),
    "position": ("Image Position",),
    "variant_image": ("Variant Image", "Variant image URL"),
}
# No other file has these. One made by hand needs no handles, which the shop makes of the titles.
OWN_COLUMNS = {"variant price", "variant sku", "option1 name", "image src", "product image url"}
SHARED = ("name", "brand", "category", "type", "taxonomy", "active", "status")  # by all variants
NO_OPTION = "default title"  # the only option value of a product without options
HIDDEN = ("draft", "archived", "unlisted")
# Of rows that are kept until the last row of their product is read.
MAX_WAITING = 60_000_000  # characters
ROW_OVERHEAD = 500  # which a row takes in addition, in characters


def find_columns(header: Sequence[str], _: Sequence[Record]) -> Mapping[str, str]:
    """The titles instead of handles, where a file has none."""
    names = {name.strip().lower() for name in header}
    lacks_handles = names.isdisjoint({"handle", "url handle"})
    return {"handle": "Title"} if lacks_handles and "title" in names and names & OWN_COLUMNS else {}


def products(rows: Iterable[Draft]) -> Iterator[Draft]:
    """A draft for each variant. Raises InvalidCatalogFile."""
    last: dict[int, int] = {}  # the last line of each product, by the hash of its handle
    cut: dict[int, Sentence] = {}  # why a row is only a part of one, by its line
    before: Draft | None = None
    for handle, row in _with_handles(rows):
        last[hash(handle)] = row.line
        if before and re.search(r"[\s<>]", handle) and (before.line in cut or _is_bare(before)):
            cut[before.line] = cut[row.line] = sentence(
                "The row in line %(line)s goes on in line %(next)s. "
                "A value with a line break must be in quotes.",
                line=before.line,
                next=row.line,
            )
        before = row
    waiting: dict[str, list[Draft]] = {}
    size = 0
    for handle, row in _with_handles(rows):
        error = row.error or cut.get(row.line)
        waiting.setdefault(handle, []).append(replace(row, error=error) if error else row)
        if last[hash(handle)] == row.line:
            product = waiting.pop(handle)
            size -= sum(map(_size, product[:-1]))
            yield from _variants(handle, product)
            continue
        size += _size(row)
        if size > MAX_WAITING:
            raise InvalidCatalogFile(
                sentence(
                    "A product has too many rows, or they are too far apart. "
                    "Sort the file by handle."
                )
            )


def _size(row: Draft) -> int:
    """About how much memory a row takes, in characters."""
    texts = row.texts.values()
    numbered = (each.values() for each in texts if isinstance(each, dict))
    return ROW_OVERHEAD + sum(map(len, chain(texts, *numbered)))


def _with_handles(rows: Iterable[Draft]) -> Iterator[tuple[str, Draft]]:
    """The rows with their product's handle, which only files made by hand leave empty."""
    handle = ""
    for row in rows:
        title = row["name"]
        if row["handle"] not in ("", title):
            handle = row["handle"]
        elif title:
            handle = re.sub(r"\W+", "-", title.lower()).strip("-")
        yield handle, row


def _is_bare(row: Draft) -> bool:
    """Whether a row has neither a variant nor a picture."""
    return not (_has_variant(row) or row["image_url"])


def _has_variant(row: Draft) -> bool:
    return bool(row["price"] or row["sku"] or row.numbered("option_values"))


def _variants(handle: str, rows: Sequence[Draft]) -> Iterator[Draft]:
    """The variants of one product; the first one has the product's further photos."""
    yield from (row for row in rows if row.error)
    rows = [row for row in rows if not row.error]
    shared = {name: next(filter(None, (row[name] for row in rows)), "") for name in SHARED}
    names = next(filter(None, (row.numbered("option_names") for row in rows)), {})
    pictures = sorted((row for row in rows if row["image_url"]), key=_position)
    addresses = list(dict.fromkeys(row["image_url"] for row in pictures))
    variants = list(filter(_has_variant, rows)) or rows[:1]
    for row in variants:
        values = row.numbered("option_values").items()
        options = {
            names.get(place, f"option {place}"): text
            for place, text in values
            if text.lower() != NO_OPTION
        }
        texts: dict[str, Any] = {
            "name": shared["name"],
            "category": shared["category"]
            or shared["type"]
            or shared["taxonomy"].rpartition(">")[2],
            "group": _shortened(handle, MAX_GROUP),
            # An apostrophe marks a number as text.
            "sku": row["sku"].removeprefix("'")
            or _shortened("-".join((handle, *options.values())), MAX_SKU),
            "link": f"products/{quote(handle)}",
            "active": _active(shared["status"], shared["active"]),
            "availability": _availability(row),
            "image_url": row["variant_image"] or next(iter(addresses), ""),
        }
        if "brand" in row.texts:
            texts["brand"] = shared["brand"]
        if "option_values" in row.texts:
            texts["attributes"] = options
        if "image_url" in row.texts:
            texts["photos"] = addresses if row is variants[0] else ()
        if is_lower(row["price"], row["compare_at_price"]):
            texts |= {"price": row["compare_at_price"], "sale_price": row["price"]}
        elif "compare_at_price" in row.texts:
            texts["sale_price"] = ""
        yield row.but(**texts)


def _position(row: Draft) -> int:
    text = row["position"]
    return int(text) if text.isdecimal() and len(text) < 9 else 10**9


def _shortened(text: str, size: int) -> str:
    """The text in at most `size` characters; a digest keeps those apart that begin alike."""
    return (
        text if len(text) <= size else f"{text[: size - 9]}-{sha256(text.encode()).hexdigest()[:8]}"
    )


def _active(status: str, published: str) -> str:
    """Both must allow that a product is shown."""
    if status.lower() in HIDDEN:
        return "no"
    return published or ("yes" if status.lower() == "active" else status)


def _availability(row: Draft) -> str:
    """Whether a variant can be bought, "" where the file does not say it."""
    quantity = row["quantity"]
    amount = amount_of(quantity)
    if amount is None:
        return quantity  # where it is no number, the rule for availability says so
    if amount > 0 or ("tracker" in row.texts and not row["tracker"]):
        return "in_stock"  # also what the shop does not count
    return "backorder" if row["policy"].lower() in ("continue", "true") else "out_of_stock"


FORMAT = Format("Shopify", COLUMNS, ("handle", "name"), products, find_columns)
