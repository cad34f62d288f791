"""Reads a CSV catalog file row by row, so that the length of the file costs no memory."""

import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from django.core.exceptions import ValidationError

from catalog.importers.rows import InvalidCatalogFile, Row, check_header, read_values, sentence


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
            if cells:  # an empty line is no row
                yield _row(reader.line_num, header, cells)


def _row(line: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        error = f"The row has {len(cells)} values, but the header has {len(header)}."
        return Row(line, error=error)
    try:
        return Row(line, read_values(dict(zip(header, cells, strict=True))))
    except ValidationError as error:
        return Row(line, error=sentence(error))
