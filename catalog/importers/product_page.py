"""Reads what a web page says of its product in JSON-LD, as a table (schema.org, `Product`).

The columns are named as in schema.org. There is a row for each variant of the product.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from catalog.importers.sales import amount_of
from catalog.importers.tables import InvalidCatalogFile, Record, Table
from catalog.messages import sentence
from catalog.values import MAX_TEXT

MAX_BYTES = 10 * 2**20  # of a page
MAX_ROWS = 1_000
MAX_ITEMS = 1_000  # of a list; the same one may be read for each row
MAX_READS = 1_000_000  # of items: lists may refer to lists that refer to lists
MAX_PICTURES = 250
PRODUCTS = {"Product", "ProductGroup", "IndividualProduct", "ProductModel"}
CONTAINERS = ("@graph", "mainEntity", "itemListElement", "item")  # which may hold products
TEXTS = ("name", "brand", "category", "color", "size", "material", "pattern")
TAG = re.compile(r"<(?:script|link)\b[^<>]{0,2000}>", re.IGNORECASE)
END = re.compile("</script", re.IGNORECASE)
CHARSET = re.compile(rb"""charset=["']?([\w-]{1,40})""", re.IGNORECASE)
MAX_TAGS = 10_000
KEYS = ("sku", "mpn", "gtin", "gtin14", "gtin13", "gtin12", "gtin8", "productID")
IN_STOCK = re.compile("(instock|limitedavailability|onlineonly|instoreonly)$", re.IGNORECASE)
LIST_PRICE = re.compile("(listprice|strikethroughprice|srp|msrp)$", re.IGNORECASE)
NO_PRODUCT = sentence(
    "This is a web page without a product in it, as far as can be read: that takes JSON-LD with a "
    "Product of schema.org. Use the address of the shop's feed, or an export."
)

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Page(Table):
    """The product of a page: a row for each variant."""

    records: tuple[Record, ...] = field(kw_only=True)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)


def open_page(file: BinaryIO) -> Page:
    """The product that a page, or a file of JSON-LD, describes. Raises InvalidCatalogFile."""
    file.seek(0)
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InvalidCatalogFile(
            sentence("The page is larger than %(most)s MB.", most=MAX_BYTES // 2**20)
        )
    text = _decoded(data)
    is_json = text.lstrip()[:1] in ("{", "[")
    address, blocks = ("", [text]) if is_json else _read_html(text)
    nodes = [node for block in blocks for node in _nodes(_parsed(block))]
    rows = _rows(nodes, address)
    if not rows:
        raise InvalidCatalogFile(NO_PRODUCT)
    header = tuple(dict.fromkeys(name for row in rows for name in row))
    records = (
        Record(line, line, tuple(row.get(name, "") for name in header))
        for line, row in enumerate(rows, 1)
    )
    return Page(file, "UTF-8", "", header, records=tuple(records))


def _decoded(data: bytes) -> str:
    """The page's text, in the encoding that it names, or else in UTF-8."""
    named = CHARSET.search(data, 0, 4096)
    with suppress(LookupError):
        return data.decode(named[1].decode() if named else "utf-8-sig", "replace")
    return data.decode("utf-8-sig", "replace")


class _Tag(HTMLParser):
    """The attributes of one tag. Whole pages are not given to it: damaged ones take it too long."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes = {name: value or "" for name, value in attrs}


def _read_html(text: str) -> tuple[str, list[str]]:
    """The page's own address, "" where it does not say it, and its blocks of JSON-LD."""
    address, blocks, place = "", [], 0
    for _ in range(MAX_TAGS):
        if not (tag := TAG.search(text, place)):
            break
        place = tag.end()
        attributes = _Tag(tag[0]).attributes
        if "canonical" in attributes.get("rel", "").lower():
            address = address or attributes.get("href", "").strip()
        elif "ld+json" in attributes.get("type", "").lower():
            end = END.search(text, place)
            blocks.append(text[place : end.start() if end else len(text)])
            place += len(blocks[-1])
    return address, blocks


def _parsed(block: str) -> Any:
    """The document in a block, None where it is damaged; others may be sound."""
    block = block.replace("<![CDATA[", "")
    start = next((place for place, mark in enumerate(block) if mark in "{["), len(block))
    try:  # without what may be around it, such as a comment
        return json.JSONDecoder(strict=False).raw_decode(block, start)[0]
    except (ValueError, RecursionError):
        return None


def _nodes(document: Any) -> Iterator[Node]:
    """The objects of a document that may be products or name what they refer to."""
    left = [document]
    while left:
        found = left.pop()
        if isinstance(found, list):
            left += reversed(found)
        elif isinstance(found, dict):
            yield found
            left += [found[name] for name in reversed(CONTAINERS) if name in found]


def _rows(nodes: Sequence[Node], address: str) -> list[dict[str, str]]:
    """The products by the names of schema.org, each once: pages describe some repeatedly."""
    reader = _Reader(nodes, address)
    found: dict[tuple[str, str], dict[str, str]] = {}
    for node in nodes:
        if PRODUCTS.isdisjoint(reader.types(node)):
            continue
        variants = [each for each in reader.each(node.get("hasVariant")) if "offers" in each]
        pairs = [(node, variant) for variant in variants] or [({}, node)]
        for group, product in pairs[: MAX_ROWS - len(found)]:
            row = reader.row(group, product)
            found.setdefault((row["name"], row["sku"]), row)
    keyed = {name for name, sku in found if sku}
    rows = [row for (name, sku), row in found.items() if sku or name not in keyed]
    for row in rows:
        row["sku"] = row["sku"] or _path_of(row["url"]).rpartition("/")[2]
    return rows


def _id_of(node: Node) -> str:
    """By what others refer to the object, "" if they can't."""
    key = node.get("@id")
    return key if isinstance(key, str) else ""


def _path_of(address: str) -> str:
    with suppress(ValueError):
        return urlsplit(address).path.strip("/")
    return ""


class _Reader:
    """Reads objects of one page, which may refer to each other by `@id`."""

    def __init__(self, nodes: Sequence[Node], address: str) -> None:
        self._named = {key: node for node in nodes if len(node) > 2 and (key := _id_of(node))}
        self._address = address
        self._reads = 0
        trails = (node for node in nodes if "BreadcrumbList" in self.types(node))
        self._levels = next(map(self._read_trail, trails), [])

    def types(self, node: Node) -> set[str]:
        """The names of the object's types, without the address of schema.org."""
        found = node.get("@type")
        names = found if isinstance(found, list) else [found]
        return {str(name).rpartition("/")[2] for name in names}

    def each(self, value: Any) -> list[Node]:
        """The objects in a value: one, a list, or what it refers to."""
        nodes = (each for each in self._items(value) if isinstance(each, dict))
        return [self._named.get(_id_of(node), node) if len(node) < 3 else node for node in nodes]

    def _items(self, value: Any) -> list[Any]:
        """The items of a list, or the one value. Raises InvalidCatalogFile."""
        items = value[:MAX_ITEMS] if isinstance(value, list) else [value]
        self._reads += len(items)
        if self._reads > MAX_READS:
            raise InvalidCatalogFile(
                sentence(
                    "The page's products have too many variants and offers. Import the shop's feed "
                    "or an export instead."
                )
            )
        return items

    def row(self, group: Node, node: Node) -> dict[str, str]:
        """A product; one of a group has what it lacks from the group."""
        row = {name: self._text(node.get(name)) or self._text(group.get(name)) for name in TEXTS}
        offer = min(self._offers(node), key=self._rank, default={})
        url = self._text(node.get("url")) or self._text(offer.get("url")) or self._address
        keys = (self._text(each.get(name)) for each in (node, offer) for name in KEYS)
        levels = (level for level in self._levels if level != row["name"])
        pictures = self._pictures(node.get("image")) or self._pictures(group.get("image"))
        return row | {
            "sku": next(filter(None, keys), ""),
            "url": self._absolute(url),
            "category": row["category"] or " > ".join(levels),
            "offers.price": self._price(offer),
            "offers.listPrice": self._price(offer, is_list=True),
            "offers.priceCurrency": self._currency(offer),
            "offers.availability": self._text(offer.get("availability")),
            "productGroupID": self._text(group.get("productGroupID"))
            or self._text(node.get("inProductGroupWithID")),
            **{f"image[{place}]": address for place, address in enumerate(pictures)},
        }

    def _text(self, value: Any) -> str:
        """The first text in a value; of an object, its name."""
        for each in self._items(value):
            if isinstance(each, dict):
                each = next((node.get("name") for node in self.each(each)), None)
            if isinstance(each, str | int | float) and not isinstance(each, bool):
                return str(each).strip()[: MAX_TEXT + 1]
        return ""

    def _pictures(self, value: Any) -> list[str]:
        """The addresses of pictures."""
        found = []
        for each in self._items(value):
            node = next(iter(self.each(each)), None)
            address = node.get("contentUrl") or node.get("url") if node else each
            if text := self._text(address):
                found.append(self._absolute(text))
        return found[:MAX_PICTURES]

    def _absolute(self, address: str) -> str:
        with suppress(ValueError):
            return urljoin(self._address, address)
        return address

    def _offers(self, node: Node) -> list[Node]:
        """The offers of a product, those within an AggregateOffer instead of it."""
        offers = self.each(node.get("offers"))
        return [each for offer in offers for each in self.each(offer.get("offers")) or [offer]]

    def _rank(self, offer: Node) -> tuple[bool, Decimal]:
        """The cheapest of the offers that can be bought comes first."""
        state = self._text(offer.get("availability"))
        amount = amount_of(self._price(offer))
        is_out = bool(state) and not IN_STOCK.search(state)
        return is_out, Decimal("inf") if amount is None else amount

    def _price(self, offer: Node, *, is_list: bool = False) -> str:
        """What an offer costs or, with `is_list`, would cost if it were not reduced."""
        prices = [] if is_list else [offer.get("price"), offer.get("lowPrice")]
        prices += [
            each.get("price")
            for each in self.each(offer.get("priceSpecification"))
            if bool(LIST_PRICE.search(self._text(each.get("priceType")))) == is_list
        ]
        return next(filter(None, map(self._text, prices)), "")

    def _currency(self, offer: Node) -> str:
        places = (offer, *self.each(offer.get("priceSpecification")))
        return next(filter(None, (self._text(each.get("priceCurrency")) for each in places)), "")

    def _read_trail(self, trail: Node) -> list[str]:
        """The levels of a breadcrumb trail below the shop's front page."""
        return list(filter(None, map(self._level, self.each(trail.get("itemListElement")))))

    def _level(self, element: Node) -> str:
        """The name of a level, "" for the front page."""
        item = next(iter(self.each(element.get("item"))), {"url": element.get("item")})
        address = str(item.get("@id") or item.get("url") or "")
        if address and not _path_of(address):
            return ""
        return self._text(element.get("name")) or self._text(item.get("name"))
