"""Reads catalog files into rows: the values of products, and pictures on this machine."""

import csv
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from unicodedata import category

from django.core.exceptions import ValidationError

from catalog.embedding.columns import is_remote
from catalog.importers.writer import Values
from catalog.models import Product
from catalog.pictures.gate import InvalidImage
from catalog.pictures.stored import NewPicture, image_limits, sha256

COLUMNS = ("id", "name", "category", "image_url", "price")
OPTIONAL = ("currency", "link", "active")
NEVER_EMPTY = ("id", "name", "category", "price")
YES = ("1", "true", "yes", "on")
NO = ("0", "false", "no", "off")
FORMULA = re.compile(r"'*[=+\-@\t\r]")
ESCAPED_FORMULA = re.compile(r"'+[=+\-@\t\r]")


class InvalidCatalogFile(Exception):
    """The file as a whole can't be read as a catalog; the message says why."""


@dataclass(frozen=True)
class Row:
    """One row of a file: the values of a product, or the error that makes it unreadable."""

    line: int  # as an editor counts; the last one where a value spans several lines
    values: Values = field(default_factory=dict)
    error: str = ""

    @property
    def sku(self) -> str:
        """The product's SKU; "" where the row is unreadable."""
        return str(self.values.get("sku", ""))


def read_csv(path: Path, on_read: Callable[[int, int], object] | None = None) -> Iterator[Row]:
    """The rows after the header; `on_read` gets the bytes read so far, and the file's size.

    Raises InvalidCatalogFile before the first row where the file or its header can't be read.
    """
    try:
        # Bytes that are not UTF-8 become lone surrogates, so that only their own row fails.
        file = path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise InvalidCatalogFile(f"{path} can't be read: {error.strerror}.") from error
    with file:
        size = os.fstat(file.fileno()).st_size
        position = file.buffer.tell  # type: ignore[attr-defined]  # typeshed leaves it out
        reader = csv.reader(file, strict=True)
        try:
            header = check_header(next(reader, []))
        except csv.Error as error:
            raise InvalidCatalogFile(f"This is not a CSV file: {error}.") from error
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(reader.line_num, error=f"The row is not valid CSV: {error}.")
                continue
            if on_read:
                on_read(position(), size)
            if not cells:  # an empty line is no row
                continue
            if len(cells) != len(header):
                problem = f"The row has {len(cells)} values, but the header has {len(header)}."
                yield Row(reader.line_num, error=problem)
                continue
            try:
                row = Row(reader.line_num, read_values(dict(zip(header, cells, strict=True))))
            except ValidationError as error:
                row = Row(reader.line_num, error=sentence(error))
            yield row


def check_header(cells: Sequence[object]) -> list[str]:
    """The names of the columns. Raises InvalidCatalogFile where one is missing or repeated."""
    names = [text_of(cell).lower() for cell in cells]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise InvalidCatalogFile(
            f"The header lacks {', '.join(missing)}. Required columns: {','.join(COLUMNS)}"
        )
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise InvalidCatalogFile(f"The header has {', '.join(repeated)} more than once.")
    return names


def read_values(cells: Mapping[str, object]) -> dict[str, Any]:
    """The product's values, from cells by column; empty cells leave a field as it is.

    Cells of a spreadsheet may be numbers. Raises ValidationError.
    """
    texts = {name: text_of(cells.get(name)) for name in (*COLUMNS, *OPTIONAL)}
    # Only control characters and surrogates (bytes that were not UTF-8): joiners, soft hyphens and
    # the like occur in real names.
    if any(category(letter) in ("Cc", "Cs") for text in texts.values() for letter in text):
        raise ValidationError("The row has control characters, or is not UTF-8.")
    empty = [name for name in NEVER_EMPTY if not texts[name]]
    if empty:
        raise ValidationError(f"{', '.join(empty)} must not be empty.")
    readers: dict[str, Callable[[str], object]] = {"price": _price, "active": _boolean}
    return {
        "sku" if name == "id" else name: readers.get(name, str)(text)
        for name, text in texts.items()
        if text
    }


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
        raise ValidationError({"image_url": problem})
    if product is not None and has_picture and product.image_source_digest == sha256(data):
        return values
    try:
        return {**values, "image": NewPicture(data)}
    except InvalidImage as error:
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
    """The text of a cell, which in a spreadsheet may be a number or an escaped formula."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():  # 17 may arrive as 17.0
        cell = int(cell)
    text = str(cell).strip()
    return text[1:] if ESCAPED_FORMULA.match(text) else text


def escape_formula(text: str) -> str:
    """The text, made harmless for spreadsheets, which would run it if it looked like a formula.

    A leading apostrophe marks it as text (OWASP, "CSV Injection"). Text that looks escaped already
    gets one more, so that `text_of` restores every text.
    """
    return f"'{text}" if FORMULA.match(text) else text


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite():
        raise ValidationError({"price": f"{text[:40]!r} is not a number, such as 19.99."})
    return price


def _boolean(text: str) -> bool:
    if text.lower() not in YES + NO:
        raise ValidationError({"active": f"{text[:40]!r} is neither yes nor no."})
    return text.lower() in YES


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
