"""Small files for tests, and what is read from them."""

import csv
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from catalog.importers import Options, import_products, read_table, recognize, summarize
from catalog.importers.formats import Row

Cells = dict[str, object]


def written(*rows: Cells, header: str = "", delimiter: str = ",") -> str:
    """A file with these cells by column."""
    text = StringIO()
    names = (
        header.split(delimiter)
        if header
        else list(dict.fromkeys(key for row in rows for key in row))
    )
    writer = csv.DictWriter(text, names, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read(text: str, **options: Any) -> list[Row]:
    """The products in a file, and the rows that can't be read."""
    return list(recognize(read_table(BytesIO(text.encode())), Options.of(**options)))


def values(text: str, **options: Any) -> dict[str, dict[str, Any]]:
    """The values of products by SKU; no row has an error."""
    found = read(text, **options)
    assert not [row.error for row in found if row.error]
    return {row.sku: dict(row.values) for row in found}


def imported_twice(path: Path, text: str, **options: Any) -> int:
    """Import a file, and again; the number of products, which the second time are unchanged."""
    path.write_text(text)
    first, second = (
        summarize(import_products(path, options=Options.of(**options))).counts for _ in range(2)
    )
    assert [*first] == ["created"]
    assert [*second] == ["unchanged"]
    assert first["created"] == second["unchanged"]
    return first["created"]
