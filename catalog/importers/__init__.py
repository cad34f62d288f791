"""Imports catalog files into products, row by row: a row with an error never stops the others.

`ProductWriter` is the one way to write products from outside: the import command, the import page
of the admin and the API use it.
"""

from catalog.importers.formats import FORMATS, Options, read_table, recognize
from catalog.importers.importing import (
    ImportReport,
    RowResult,
    import_products,
    import_table,
    open_catalog,
    summarize,
)
from catalog.importers.tables import InvalidCatalogFile, TruncatedFile
from catalog.importers.writer import ProductWriter, WriteResult

__all__ = [
    "FORMATS",
    "ImportReport",
    "InvalidCatalogFile",
    "Options",
    "ProductWriter",
    "RowResult",
    "TruncatedFile",
    "WriteResult",
    "import_products",
    "import_table",
    "open_catalog",
    "read_table",
    "recognize",
    "summarize",
]
