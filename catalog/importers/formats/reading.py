"""From the cells of any format to the values of products: what all formats have in common."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, lru_cache, partial
from html import unescape
from itertools import islice
from typing import Any
from urllib.parse import urljoin

from catalog.importers.formats.contract import LABELS, Draft, Format, Options, Row, in_column
from catalog.importers.spreadsheet import Fault
from catalog.importers.tables import Record, Table, open_quote
from catalog.messages import Sentence, counted, sentence
from catalog.messages.translation import for_storage, translated
from catalog.models import currency_of, default_currency
from catalog.values import (
    BLANK,
    EXCERPT,
    MAX_ATTRIBUTE,
    MAX_ATTRIBUTE_NAME,
    MAX_ATTRIBUTES,
    MAX_CATEGORY,
    MAX_PICTURES,
    MAX_SKU,
    REMOTE,
    InvalidValue,
    address,
    addresses,
    attributes,
    attributes_in,
    availability,
    decimal_mark,
    excerpt,
    flag,
    identifier,
    line,
    picture_sources,
    price,
)

NEVER_EMPTY = ("sku", "name", "category", "price")
EMPTY: Mapping[str, Any] = {"brand": "", "group": "", "attributes": {}}  # of a shop's file
KEPT_NAMES = 50_000  # of rows that name their cells; most have the same ones
LINE_BREAK = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
SHORTENED = re.compile(r"\d([.,]\d+)?E\+\d+")
FORMULA = re.compile(r"'*[=+\-@\t\r]")
ESCAPED_FORMULA = re.compile(r"'+[=+\-@\t\r]")
CURRENCY = re.compile(r"[^\d\s.,'+-]")
PLAIN_PATH = re.compile(r"[\w-]+(?:/[\w-]+)*(?:\.\w+)?")  # which needs no `urljoin`
# Elements of HTML, not all that is in angle brackets: names such as "Cable <2 m" are real.
TAG = re.compile(
    r"<\s*/?\s*(?:(?P<breaks>br|p|div|li|ul|ol|h[1-6])"
    r"|a|abbr|b|big|em|font|i|img|mark|s|small|span|strong|sub|sup|u)\b[^<>]*>",
    re.IGNORECASE,
)


class Number(str):
    """The text of a number in a spreadsheet, which has the number, too."""

    value: float


@dataclass(frozen=True)
class Columns:
    """The places of a format's fields among the columns of a file."""

    single: Mapping[str, Sequence[int]]  # of columns with the same header, the first text counts
    numbered: Mapping[str, Mapping[int, int]]  # of headers with a `#`: places by number

    @property
    def fields(self) -> set[str]:
        return {*self.single, *self.numbered}

    @property
    def places(self) -> set[int]:
        """All columns that are read."""
        groups = (*self.single.values(), *(each.values() for each in self.numbered.values()))
        return {place for group in groups for place in group}


@dataclass(frozen=True)
class CatalogFile:
    """The products in a table of one format; can be read more than once, one reader at a time."""

    table: Table
    key: str  # of the format
    format: Format
    options: Options
    columns: Columns
    sample: Sequence[Record] = field(repr=False)  # the first rows

    def __iter__(self) -> Iterator[Row]:
        """The products, and the rows that can't be read. Raises InvalidCatalogFile."""
        sample = list(_Drafts(self, self.sample))
        texts = (draft.texts.get(name) for draft in sample for name in ("price", "sale_price"))
        mark = decimal_mark(text for text in texts if text and not isinstance(text, Number))
        places = {} if self.format.is_own else self.columns.single
        headers = {name: excerpt(self.table.header[found[0]]) for name, found in places.items()}
        options = self.options
        rules = Rules(options.base_url, options.currency, mark, self.format.is_own, headers)
        yield from map(rules.row, self.format.products(_Drafts(self, self.table)))

    def headers(self, *, used: bool) -> list[str]:
        """The headers of the columns that are read, or of those that are ignored."""
        places = self.columns.places
        names = enumerate(self.table.header)
        return [name for place, name in names if name.strip() and (place in places) == used]


@dataclass(frozen=True)
class _Drafts:
    """Rows of a file by the fields of its format, as often as they are asked for."""

    file: CatalogFile
    records: Iterable[Record]

    def __iter__(self) -> Iterator[Draft]:
        format_, named = self.file.format, self.file.options.columns
        columns = self.file.columns
        # A row that names its cells says of all other fields that they are empty.
        empty = {name: {} if is_numbered(format_, name) else "" for name in format_.columns}
        additional = [name for name in named if name not in format_.columns]
        by_names: dict[tuple[str, ...], Columns] = {}
        kept = 0
        for record in self.records:
            if record.names:
                if record.names not in by_names:
                    kept += len(record.names)
                    if kept > KEPT_NAMES:
                        by_names.clear()
                        kept = len(record.names)
                    by_names[record.names] = find_columns(format_, record.names, named)
                columns = by_names[record.names]
            cells, width, error = record.cells, len(record.cells), record.error
            texts: dict[str, Any] = dict(empty) if record.names else {}
            for name, places in columns.single.items():
                found = ""
                for place in places:
                    if place < width and (found := text_of(cells[place])):
                        if type(found) is Fault:
                            error = error or found.reason
                        break
                texts[name] = found
            for name, by_number in columns.numbered.items():
                pairs = [
                    (number, text_of(cells[place]))
                    for number, place in by_number.items()
                    if place < width and cells[place] != ""
                ]
                texts[name] = {number: text for number, text in pairs if text}
            loses_lines = record.loses_lines
            if not error and record.end > record.line and not record.names:
                error = self._find_swallowed_rows(record)
                loses_lines = error is not None
            chosen = {name: texts.pop(name, "") for name in additional}
            yield Draft(record.line, texts, error, chosen, loses_lines)

    def _find_swallowed_rows(self, record: Record) -> Sentence | None:
        """Say that a value of one line has whole rows in it: a later quote closed one left open."""
        table, needed = self.file.table, self.file.format.needed
        for place in self.file.columns.places:
            cell = str(record.cells[place]) if place < len(record.cells) else ""
            lines = [part.count(table.delimiter) for part in [*cell.splitlines()[:-1], ""]]
            first, *inner = lines
            holds_rows = (
                place + first >= len(table.header) - 1 or max(inner, default=0) >= len(needed) - 1
            )
            if inner and holds_rows:
                quote = open_quote(record.line, record.line, record.end)
                return in_column(excerpt(table.header[place]), quote)
        return None


def find_columns(format_: Format, header: Sequence[str], named: Mapping[str, str]) -> Columns:
    """The columns of a format's fields; `named` has the headers of some, as somebody gave them."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(header):
        places.setdefault(plain_header(text), []).append(place)
    single: dict[str, Sequence[int]] = {}
    numbered: dict[str, Mapping[int, int]] = {}
    for name in dict.fromkeys((*format_.columns, *named)):
        alternatives = (named[name],) if name in named else format_.columns[name]
        if not is_numbered(format_, name):
            known = (places[own] for each in alternatives if (own := plain_header(each)) in places)
            if found := next(known, None):
                single[name] = found
            continue
        by_number: dict[int, int] = {}
        free: dict[int, int] = {}  # the next number where a header has the same one again
        for pattern in map(_pattern, alternatives):
            for own, same in places.items():
                if match := pattern.fullmatch(own):
                    for place in same:
                        own_number = int("".join(match.groups()) or 0)
                        number = free.get(own_number, own_number)
                        while number in by_number:
                            number += 1
                        by_number[number] = place
                        free[own_number] = number + 1
        if by_number:
            numbered[name] = dict(sorted(by_number.items()))
    return Columns(single, numbered)


def is_numbered(format_: Format, name: str) -> bool:
    """Whether a field can have several columns."""
    return any("#" in header for header in format_.columns.get(name, ()))


@lru_cache(10_000)
def plain_header(text: str) -> str:
    """What headers that mean the same have in common."""
    return re.sub(r"[\s_-]+", "_", text_of(text).lower()).removeprefix("g:")


@cache
def _pattern(header: str) -> re.Pattern[str]:
    """The headers that one with a `#` stands for."""
    return re.compile(re.escape(plain_header(header)).replace(r"\#", r"(\d{0,4})"))


@dataclass(frozen=True)
class Rules:
    """From drafts to the values of products, by the rules that all formats share."""

    base_url: str = ""
    currency: str = ""  # of prices without one
    mark: str = ""  # the decimal mark of the file's prices, where it is known
    is_own: bool = False  # as in Format
    headers: Mapping[str, str] = field(default_factory=dict)  # by field, for messages

    def row(self, draft: Draft) -> Row:
        """The values of the product, or why it has none."""
        texts = {**draft.texts, **{name: text for name, text in draft.chosen.items() if text}}
        if not self.is_own:
            texts["name"] = without_tags(texts.get("name", ""))
            texts["category"] = short_path(texts.get("category", ""))
            if isinstance(texts.get("attributes"), Mapping):
                texts["attributes"] = fitting(texts["attributes"])
        sku = str(texts.get("sku", ""))[:MAX_SKU]
        error = draft.error
        if not error and (
            empty := [self._label(name) for name in NEVER_EMPTY if not texts.get(name)]
        ):
            error = counted(
                "%(columns)s must not be empty.",
                "%(columns)s must not be empty.",
                len(empty),
                columns=", ".join(empty),
            )
        if error:
            return Row(draft.line, sku, error=translated(error), loses_lines=draft.loses_lines)
        values: dict[str, Any] = {}
        errors: dict[str, Sentence | InvalidValue] = {}

        def read(name: str, rule: Callable[[Any], object]) -> None:
            if text := texts.get(name):
                try:
                    values[name] = rule(text)
                except InvalidValue as problem:
                    errors[name] = problem

        for name, rule in RULES.items():
            read(name, rule)
        if self.is_own or self.base_url or REMOTE.match(texts.get("link", "")):
            read("link", lambda text: address(self._absolute(text)))
        for name in ("price", "sale_price"):
            read(name, partial(self._price, known=values.get("currency", "")))
            if name in values:
                values[name], currency = values[name]
                values |= {"currency": currency} if currency else {}
        read("image_url", self._pictures)
        read("photos", self._photos)
        main, photos = values.pop("image_url", []), values.pop("photos", [])
        pictures = list(dict.fromkeys([*main, *photos]))
        if main or not self.is_own:
            values |= {"image_url": pictures.pop(0)} if pictures else {}
        if len(pictures) >= MAX_PICTURES:
            errors["image_url"] = sentence(
                "The maximum is %(most)s pictures of a product.", most=MAX_PICTURES
            )
        elif pictures or (not self.is_own and "photos" in texts):
            values["photos"] = pictures
        if "sale_price" in texts and not texts["sale_price"]:
            values["sale_price"] = None
        if not self.is_own:
            values |= {
                name: empty for name, empty in EMPTY.items() if name in texts and not texts[name]
            }
        if errors:
            problems = (in_column(self._label(name), why) for name, why in errors.items())
            return Row(draft.line, sku, error=" ".join(map(translated, problems)))
        return Row(draft.line, values["sku"], values, changes_at=draft.changes_at)

    def _label(self, name: str) -> str:
        """What the file calls a field, as far as it has a column for it."""
        return self.headers.get(name) or label(name)

    def _price(self, text: str, *, known: str) -> tuple[Decimal, str]:
        """A price and its currency, "" where nothing tells it."""
        if not known and not CURRENCY.search(text):
            known = self.currency
        cell = getattr(text, "value", text)
        default = self.currency or default_currency()
        return price(cell, mark=self.mark, currency=known, default=default)

    def _pictures(self, text: str) -> list[str]:
        return [self._picture(source) for source in picture_sources(text)]

    def _photos(self, texts: str | Mapping[int, str] | Iterable[str]) -> list[str]:
        rule = addresses if self.is_own and not self.base_url else self._pictures
        if isinstance(texts, str):
            return rule(texts)
        each = texts.values() if isinstance(texts, Mapping) else texts
        return [source for text in each for source in rule(text)]

    def _picture(self, source: str) -> str:
        """The picture's address or, in products.csv, perhaps the path of a file."""
        if REMOTE.fullmatch(source) or (self.is_own and not self.base_url):
            return source
        if not self.base_url:
            raise InvalidValue(
                sentence(
                    "The picture '%(picture)s' has no host. Give the shop's address (base URL), "
                    "such as https://shop.example.",
                    picture=excerpt(source, 2 * EXCERPT),
                )
            )
        return address(self._absolute(source))

    def _absolute(self, text: str) -> str:
        if not self.base_url or REMOTE.fullmatch(text):
            return text
        base = f"{self.base_url.rstrip('/')}/"
        return base + text if PLAIN_PATH.fullmatch(text) else urljoin(base, text)


def sku_of(text: str) -> str:
    """The SKU. Raises InvalidValue where a spreadsheet has shortened a long number."""
    if SHORTENED.fullmatch(text):
        raise InvalidValue(
            sentence(
                "'%(text)s' is a long number that a spreadsheet has shortened. "
                "Format the column as text, and enter it again.",
                text=text,
            )
        )
    return identifier(text)


def _attributes(value: str | Mapping[str, object]) -> dict[str, str]:
    return attributes_in(value) if isinstance(value, str) else attributes(value)


RULES: Mapping[str, Callable[[Any], object]] = {
    "sku": sku_of,
    "name": line,
    "category": line,
    "currency": currency_of,
    "active": flag,
    "availability": availability,
    "brand": line,
    "group": identifier,
    "attributes": _attributes,
}


def label(name: str) -> str:
    """What people call a field."""
    return LABELS.get(name, name)


def text_of(cell: str | float) -> str:
    """The text of a cell as one line; in a spreadsheet it may be a number or an escaped formula."""
    if not cell and isinstance(cell, str):  # as most cells are
        return ""
    if isinstance(cell, str):
        text = cell if cell.isprintable() else LINE_BREAK.sub(" ", cell)
        text = text.strip(BLANK)
        if isinstance(cell, Fault):
            return cell
        return text[1:] if text[:1] == "'" and ESCAPED_FORMULA.match(text) else text
    number = Number(int(cell) if cell.is_integer() else cell)  # 17 may arrive as 17.0
    number.value = cell
    return number


def fitting(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes that a product can have: shops keep long texts and lists among theirs."""
    fit = (
        (name, text)
        for name, text in attributes.items()
        if len(name) <= MAX_ATTRIBUTE_NAME and len(text) <= MAX_ATTRIBUTE
    )
    return dict(islice(fit, MAX_ATTRIBUTES))


def without_tags(text: str) -> str:
    """A text without the tags of HTML, whether they are written as entities or not."""
    if "<" not in text and "&" not in text:
        return text
    bare = TAG.sub(lambda tag: " " if tag["breaks"] else "", unescape(text))
    return " ".join(bare.split())


def short_path(category: str) -> str:
    """A category's path as one text, without its first levels where it is too long."""
    levels = [level for part in unescape(category).split(">") if (level := part.strip(BLANK))]
    del levels[:-MAX_CATEGORY]  # more never fit, and the next step is not linear
    while len(levels) > 1 and len(" > ".join(levels)) > MAX_CATEGORY:
        del levels[0]
    return " > ".join(levels) or uncategorised()


@cache
def uncategorised() -> str:
    """The category of products without one, in the shop's own language."""
    # Translators: the category of products that have none.
    return for_storage(sentence("Uncategorised"))
