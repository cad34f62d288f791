"""The lines of a CSV catalog file, read one by one: a file of any length takes no memory."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from django.core.exceptions import ValidationError

from catalog.importers.rows import InvalidCatalogFile, Row, check_header, read_row, sentence
from catalog.pictures import NewPicture

if TYPE_CHECKING:
    from _csv import Reader as CSVReader

BLOCK = 2**20  # bytes


@dataclass(frozen=True)
class Line:
    """A row of the file and its new picture, or the reason why it is none."""

    number: int  # as an editor counts: that of its last line, where a value has several
    row: Row | None = None
    reason: str = ""
    picture: NewPicture | None = None

    @property
    def sku(self) -> str:
        """Of the row's product; "" where there is no row."""
        return self.row.sku if self.row else ""


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[Line]]:
    """Open a CSV file and give its lines after the header. Raises InvalidCatalogFile."""
    with _open(path) as file:
        reader = csv.reader(file, strict=True)
        yield _lines(reader, _header(reader))


def count_lines(path: Path) -> int:
    """How many lines the file has. Raises InvalidCatalogFile."""
    with _open(path) as file:
        blocks = iter(lambda: file.buffer.read(BLOCK), b"")  # type: ignore[attr-defined]
        return sum(block.count(b"\n") for block in blocks)


def chunks(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    """So many lines at once, of which no two are about the same product."""
    chunk: dict[str | int, Line] = {}
    for line in lines:
        key = line.sku or line.number
        if len(chunk) == size or key in chunk:
            yield list(chunk.values())
            chunk = {}
        chunk[key] = line
    if chunk:
        yield list(chunk.values())


def _open(path: Path) -> IO[str]:
    try:
        # Bytes that are not UTF-8 become lone surrogates, so that only their own row fails.
        return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise InvalidCatalogFile(f"{path} can't be read: {error.strerror}.") from error


def _header(reader: "CSVReader") -> list[str]:
    try:
        return check_header(next(reader, []))
    except csv.Error as error:
        raise InvalidCatalogFile(f"This is not a CSV file: {error}.") from error


def _lines(reader: "CSVReader", header: list[str]) -> Iterator[Line]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(reader.line_num, reason=f"The row is not proper CSV: {error}.")
            continue
        if cells:  # an empty line is no row
            yield _line(reader.line_num, header, cells)


def _line(number: int, header: list[str], cells: list[str]) -> Line:
    if len(cells) != len(header):
        reason = f"The row has {len(cells)} values, the header {len(header)}."
        return Line(number, reason=reason)
    try:
        return Line(number, read_row(dict(zip(header, cells, strict=True))))
    except ValidationError as error:
        return Line(number, reason=sentence(error))
