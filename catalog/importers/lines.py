"""The lines of a CSV catalog file, read one by one: a file of any length takes no memory."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from django.core.exceptions import ValidationError

from catalog.importers.rows import InvalidCatalogFile, Row, check_header, read_row, sentence
from catalog.pictures.fields import NewPicture

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
    overruled: bool = False  # by a later line of the same product, which the reason names

    @property
    def sku(self) -> str:
        """Of the row's product; "" where there is no row."""
        return self.row.sku if self.row else ""


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[Line]]:
    """Open a CSV file and give its lines after the header. Raises InvalidCatalogFile.

    Of lines about the same product the last one counts; the others have no row.
    """
    last = _last_lines(path)
    with _open(path) as file:
        yield (_overruled(line, last.get(line.sku, 0)) for line in _lines(file))


def count_lines(path: Path) -> int:
    """How many lines the file has. Raises InvalidCatalogFile."""
    with _open(path) as file:
        blocks = iter(lambda: file.buffer.read(BLOCK), b"")  # type: ignore[attr-defined]
        return sum(block.count(b"\n") for block in blocks)


def chunks(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    """So many lines at once."""
    left = iter(lines)
    while chunk := list(islice(left, size)):
        yield chunk


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


def _last_lines(path: Path) -> dict[str, int]:
    """The numbers of the last lines about those products that have several, by SKU."""
    last: dict[str, int] = {}
    seen: set[int] = set()  # hashes are half the size; a line that shares one by chance is its last
    with _open(path) as file:
        for line in _lines(file):
            if line.row and hash(line.sku) in seen:
                last[line.sku] = line.number
            seen.add(hash(line.sku))
    return last


def _overruled(line: Line, last: int) -> Line:
    if last <= line.number:
        return line
    reason = f"Line {last} has the same id and counts instead of this one."
    return replace(line, row=None, reason=reason, overruled=True)


def _lines(file: IO[str]) -> Iterator[Line]:
    reader = csv.reader(file, strict=True)
    header = _header(reader)
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
