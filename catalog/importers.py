"""`products.csv` to products, row by row: what is wrong with one row never stops the others."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from catalog.fetching import FetchError
from catalog.images import InvalidImage
from catalog.models import Category, Product
from catalog.pictures import NewPicture, fetch_picture, sha256
from catalog.signals import in_one_request

if TYPE_CHECKING:
    from _csv import Reader as CSVReader

COLUMNS = ("id", "name", "category", "image_url", "price")
CHUNK = 100  # rows to a transaction and to a request for vectors


class InvalidCatalogFile(Exception):
    """The file can't be read as a catalog at all; the message says what is wrong with it."""


class InvalidRow(Exception):
    """One row can't be imported; the message says why."""


@dataclass(frozen=True)
class RowResult:
    """What became of one row: "created", "updated", "unchanged" or "failed"."""

    line: int
    outcome: str
    reason: str = ""


@dataclass(frozen=True)
class ImportReport:
    """How many rows came to what, and which of them failed."""

    counts: Counter[str]
    failures: list[RowResult]


@dataclass(frozen=True)
class _Row:
    """A row of the file, or the reason why it is none."""

    line: int
    values: dict[str, str]
    reason: str = ""
    picture: NewPicture | None = None


def import_products(path: Path) -> Iterator[RowResult]:
    """Import a CSV file: a result for each row, once its chunk of rows is committed.

    Rows are matched on the SKU, so importing again updates. Raises InvalidCatalogFile; where the
    header is wrong, before anything is imported.
    """
    with _open(path) as file:
        reader = csv.reader(file, strict=True)
        header = _header(reader)
        rows = _rows(reader, header)
        while chunk := list(islice(rows, CHUNK)):
            # Reading and fetching pictures takes its time: not inside a transaction.
            ready = [_with_picture(row, path.parent) for row in chunk]
            with in_one_request(), transaction.atomic():
                results = [_save(row) for row in ready]
            yield from results


def summarize(results: Iterable[RowResult]) -> ImportReport:
    """The report on these results."""
    counts: Counter[str] = Counter()
    failures = []
    for result in results:
        counts[result.outcome] += 1
        if result.outcome == "failed":
            failures.append(result)
    return ImportReport(counts, failures)


def _open(path: Path) -> IO[str]:
    try:
        # Bytes that are not UTF-8 become lone surrogates, so that only their own row fails.
        return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise InvalidCatalogFile(f"{path} can't be read: {error.strerror}.") from error


def _header(reader: "CSVReader") -> list[str]:
    try:
        header = [name.strip().lower() for name in next(reader, [])]
    except csv.Error as error:
        raise InvalidCatalogFile(f"This is not a CSV file: {error}.") from error
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InvalidCatalogFile(
            f"The header lacks {', '.join(missing)}. It must be: {','.join(COLUMNS)}"
        )
    return header


def _rows(reader: "CSVReader", header: list[str]) -> Iterator[_Row]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _Row(reader.line_num, {}, f"The row is not proper CSV: {error}.")
            continue
        if cells:  # an empty line is no row
            yield _row(reader.line_num, header, cells)


def _row(line: int, header: list[str], cells: list[str]) -> _Row:
    if len(cells) != len(header):
        reason = f"The row has {len(cells)} values, the header {len(header)}."
        return _Row(line, {}, reason)
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    if not all(value.isprintable() for value in values.values()):
        return _Row(line, {}, "The row has control characters, or is not UTF-8.")
    empty = [name for name in ("id", "name", "category", "price") if not values[name]]
    return _Row(line, values, f"{', '.join(empty)} must not be empty." if empty else "")


def _with_picture(row: _Row, folder: Path) -> _Row:
    """The row with its picture, unless the product has that one already."""
    if row.reason or not row.values["image_url"]:
        return row
    try:
        picture = _new_picture(row.values["id"], row.values["image_url"], folder)
    except (FetchError, InvalidImage, InvalidRow) as error:
        return _Row(row.line, row.values, f"image_url: {error}")
    return _Row(row.line, row.values, picture=picture)


def _new_picture(sku: str, source: str, folder: Path) -> NewPicture | None:
    product = Product.objects.filter(sku=sku).first()
    stored = product if product and product.image and product.image.is_stored() else None
    if source.lower().startswith(("http://", "https://")):
        known = stored is not None and stored.image_url == source
        return None if known else NewPicture(fetch_picture(source))
    data = _read(source, folder)
    known = stored is not None and stored.image_source_digest == sha256(data)
    return None if known else NewPicture(data)


def _read(source: str, folder: Path) -> bytes:
    for path in (folder / source, Path(settings.MEDIA_ROOT) / source):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InvalidRow(f"{source} can't be read: {error.strerror}.") from error
    raise InvalidRow(f"There is no file {source}, neither beside the CSV nor in the media folder.")


def _save(row: _Row) -> RowResult:
    if row.reason:
        return RowResult(row.line, "failed", row.reason)
    try:
        return RowResult(row.line, _upsert(row))
    except ValidationError as error:
        reasons = (f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        return RowResult(row.line, "failed", " ".join(reasons))
    except InvalidRow as error:
        return RowResult(row.line, "failed", str(error))


def _upsert(row: _Row) -> str:
    sku = row.values["id"]
    product = Product.objects.filter(sku=sku).first() or Product(sku=sku)
    before = _state(product)
    product.name = row.values["name"]
    product.price = _price(row.values["price"])
    product.image_url = row.values["image_url"] or product.image_url
    product.clean_fields(exclude=("category", "image"))
    product.category = _category(row.values["category"])
    if row.picture is not None:
        product.image = row.picture
    if product.pk is None:
        product.save()
        return "created"
    if row.picture is None and _state(product) == before:
        return "unchanged"
    product.save()
    return "updated"


def _state(product: Product) -> tuple[object, ...]:
    return product.name, product.price, product.image_url, product.category_id


def _price(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidRow(f"price: {text[:40]!r} is not a number, such as 19.99.") from error


def _category(name: str) -> Category:
    category = Category(name=name)
    category.clean_fields()
    return Category.objects.get_or_create(name=name)[0]
