"""The columns of products.csv: from rows to the values of products, with local pictures."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError

from catalog.embedding.columns import is_remote
from catalog.importers.spreadsheet import Fault
from catalog.importers.tables import InvalidCatalogFile, Record, Table
from catalog.importers.writer import Values
from catalog.models import Product, currency_of, default_currency
from catalog.pictures.gate import InvalidImage
from catalog.pictures.slots import DECODING, STAFF, Busy
from catalog.pictures.stored import NewPicture, image_limits, sha256
from catalog.values import (
    BLANK,
    ENTITY,
    FORBIDDEN,
    MAX_PICTURES,
    InvalidValue,
    address,
    addresses,
    attributes_in,
    availability,
    decimal_mark,
    flag,
    identifier,
    line,
    picture_sources,
    price,
)

COLUMNS = ("id", "name", "category", "image_url", "price")
OPTIONAL = (
    "currency",
    "link",
    "active",
    "group",
    "availability",
    "brand",
    "sale_price",
    "attributes",
    "additional_image_url",
)
NEVER_EMPTY = ("id", "name", "category", "price")
MAX_SKU = 64
SAMPLE_ROWS = 1000  # whose prices show the decimal mark of a file
SHOWN_COLUMNS = 8  # of a header that can't be used
HOST_AND_PATH = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}/", re.IGNORECASE)
LINE_BREAK = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
SHORTENED = re.compile(r"\d([.,]\d+)?E\+\d+")
FORMULA = re.compile(r"'*[=+\-@\t\r]")
ESCAPED_FORMULA = re.compile(r"'+[=+\-@\t\r]")


@dataclass(frozen=True)
class Row:
    """One row of a file: the values of a product, or the error that makes it unreadable."""

    line: int  # as an editor counts; the first one where a value spans several lines
    sku: str  # "" where it can't be read
    values: Values = field(default_factory=dict)
    error: str = ""
    note: str = ""  # what somebody should know about a row that is imported


def read_rows(table: Table) -> Iterator[Row]:
    """The rows of a table of products.

    Raises InvalidCatalogFile before the first row where the header is wrong or there are no rows.
    """
    names = check_header(table.header, table.place)
    sample = [dict(zip(names, record.cells, strict=False)) for record in islice(table, SAMPLE_ROWS)]
    if not sample:
        raise InvalidCatalogFile(f"There are no products below the header{table.place}.")
    mark = decimal_mark(cells.get(name) for cells in sample for name in ("price", "sale_price"))
    for record in table:
        cells = dict(zip(names, record.cells, strict=False))
        faults = (cells[name] for name in COLUMNS + OPTIONAL if isinstance(cells.get(name), Fault))
        error = record.error or str(next(faults, "")) or _find_swallowed_rows(table, names, record)
        values: Values = {}
        if not error:
            try:
                values = read_values(cells, mark=mark)
            except ValidationError as problem:
                error = sentence(problem)
        yield Row(record.line, values.get("sku", text_of(cells.get("id"))[:MAX_SKU]), values, error)


def check_header(cells: Sequence[object], place: str = "") -> list[str]:
    """The names of the columns. Raises InvalidCatalogFile where one is missing or repeated."""
    names = [re.sub("[ -]", "_", text_of(cell).lower()) for cell in cells]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        found = [FORBIDDEN.sub("", text_of(cell))[:30] for cell in cells if cell]
        more = f" and {len(found) - SHOWN_COLUMNS} more" if len(found) > SHOWN_COLUMNS else ""
        raise InvalidCatalogFile(
            f"The header{place} lacks {', '.join(missing)}. The first row must name the columns "
            f"{', '.join(COLUMNS)}. It has: {', '.join(found[:SHOWN_COLUMNS])}{more}."
        )
    repeated = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if repeated:
        raise InvalidCatalogFile(f"The header{place} has {', '.join(repeated)} more than once.")
    return names


def read_values(cells: Mapping[str, object], *, mark: str = "") -> dict[str, Any]:
    """The product's values, from cells by column.

    An empty cell leaves a field as it is, but an empty sale price ends a sale. Cells of a
    spreadsheet may be numbers. `mark` is the decimal mark of the file's prices, where it is known.
    Further pictures, in either column, are `photos`. Raises ValidationError.
    """
    texts = {name: text_of(cells.get(name)) for name in (*COLUMNS, *OPTIONAL)}
    empty = [name for name in NEVER_EMPTY if not texts[name]]
    if empty:
        raise ValidationError(f"{', '.join(empty)} must not be empty.")
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}

    def read(name: str, rule: Callable[[str], object]) -> None:
        if texts[name]:
            try:
                values["sku" if name == "id" else name] = rule(texts[name])
            except InvalidValue as error:
                errors[name] = str(error)

    def read_price(name: str) -> None:
        cell, known = cells.get(name), values.get("currency", "")
        if not isinstance(cell, int | float):
            cell = texts[name]
        read(name, lambda _: price(cell, mark=mark, currency=known, default=default_currency()))
        if name in values:
            values[name], currency = values[name]
            if currency:
                values["currency"] = currency

    read("id", _sku)
    read("name", line)
    read("category", line)
    read("image_url", picture_sources)
    read("additional_image_url", addresses)
    read("currency", currency_of)
    read("link", address)
    read("active", flag)
    read("group", identifier)
    read("availability", availability)
    read("brand", line)
    read("attributes", attributes_in)
    read_price("price")
    read_price("sale_price")
    if "sale_price" in cells and not texts["sale_price"]:
        values["sale_price"] = None
    picture, *photos = values.get("image_url", [""])
    if picture:
        values["image_url"] = picture
    photos = list(dict.fromkeys(photos + values.pop("additional_image_url", [])))
    if len(photos) >= MAX_PICTURES:
        errors["image_url"] = f"The maximum is {MAX_PICTURES} pictures of a product."
    elif photos:
        values["photos"] = [each for each in photos if each != picture]
    if errors:
        raise ValidationError(errors)
    return values


def with_local_picture(
    values: Values, product: Product | None, folders: Mapping[str, Path], *, confined: bool = False
) -> Values:
    """The values, with `image` where `image_url` is a path to a picture that the product lacks.

    Paths are relative to the folders, which are keyed by a description such as "in the media
    folder"; confined paths must not lead out of them. A file that no longer exists is an error only
    if the product does not have its picture. Raises ValidationError.
    """
    source = str(values.get("image_url", ""))
    if not source or is_remote(source):
        return values
    paths = [folder / source for folder in folders.values()]
    if confined:
        tops = [folder.resolve() for folder in folders.values()]
        paths = [path for path in paths if any(path.resolve().is_relative_to(top) for top in tops)]
    has_picture = product is not None and product.image.is_stored()
    data = _read_file(source, paths)
    if data is None:
        if product is not None and has_picture and product.image_url == source:
            return values
        problem = f"There is no file {source} {' or '.join(folders)}."
        if HOST_AND_PATH.match(source):
            problem += f" If this is an address, write https://{source}"
        raise ValidationError({"image_url": problem})
    if product is not None and has_picture and product.image_source_digest == sha256(data):
        return values
    try:
        # A confined import runs in a web process, where shoppers have their pictures decoded, too.
        with DECODING.one(STAFF) if confined else nullcontext():
            return {**values, "image": NewPicture(data)}
    except (InvalidImage, Busy) as error:
        raise ValidationError({"image_url": str(error)}) from error


def sentence(error: ValidationError) -> str:
    """All that is wrong with a row, each part after the name of its column."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    parts = (
        ("id" if name == "sku" else name, " ".join(texts))
        for name, texts in error.message_dict.items()
    )
    return " ".join(f"{column}: {text}" for column, text in parts)


def text_of(cell: object) -> str:
    """The text of a cell as one line; in a spreadsheet it may be a number or an escaped formula."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():  # 17 may arrive as 17.0
        cell = int(cell)
    text = LINE_BREAK.sub(" ", str(cell)).strip(BLANK)
    return text[1:] if ESCAPED_FORMULA.match(text) else text


def escape_formula(text: str) -> str:
    """The text, made harmless for spreadsheets, which would run it if it looked like a formula.

    A leading apostrophe marks it as text (OWASP, "CSV Injection"). Text that looks escaped already
    gets one more, so that `text_of` restores every text.
    """
    return f"'{text}" if FORMULA.match(text) else text


def escape_entities(text: str) -> str:
    """The text, written so that `catalog.values.line` restores it: `&amp;` as `&amp;amp;`."""
    return ENTITY.sub(lambda entity: f"&amp;{entity[0][1:]}", text)


def _sku(text: str) -> str:
    """The SKU. Raises InvalidValue where a spreadsheet has shortened a long number."""
    if SHORTENED.fullmatch(text):
        raise InvalidValue(
            f"{text!r} is a long number that a spreadsheet has shortened. "
            "Format the column as text, and enter it again."
        )
    return identifier(text)


def _find_swallowed_rows(table: Table, names: Sequence[str], record: Record) -> str:
    """Say that a value of one line has whole rows in it: a later quote closed one left open."""
    if record.line == record.end:
        return ""
    for place, (name, cell) in enumerate(zip(names, record.cells, strict=False)):
        first, *inner = (part.count(table.delimiter) for part in [*str(cell).splitlines()[:-1], ""])
        holds_rows = place + first >= len(names) - 1 or max(inner, default=0) >= len(COLUMNS) - 1
        if inner and holds_rows and name in COLUMNS + OPTIONAL:
            lost = f"lines {record.line} to {record.end} ({record.end - record.line + 1} lines)"
            return f"{name}: A quote in line {record.line} is not closed; {lost} are lost."
    return ""


def _read_file(source: str, paths: Sequence[Path]) -> bytes | None:
    """The first of the files that exists, as far as the picture gate needs it."""
    for path in paths:
        try:
            if path.exists() and not path.is_file():  # reading a device or a pipe may never end
                raise ValidationError({"image_url": f"{source} can't be read: it is not a file."})
            with path.open("rb") as file:
                return file.read(image_limits().bytes + 1)  # the gate refuses one byte too many
        except FileNotFoundError:
            continue
        except OSError as error:
            problem = f"{source} can't be read: {error.strerror}."
            raise ValidationError({"image_url": problem}) from error
    return None
