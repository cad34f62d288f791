"""The formats of catalog files. `contract.py` says what a format is and how to add one."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import BinaryIO, cast

from catalog.importers.formats import google, jsonld, magento, products, shopify, woocommerce
from catalog.importers.formats.contract import FIELDS, NO_OPTIONS, Format, Options, Row
from catalog.importers.formats.reading import (
    CatalogFile,
    Columns,
    find_columns,
    label,
    plain_header,
)
from catalog.importers.packing import GZIP_MAGIC, PackedFile
from catalog.importers.product_page import open_page
from catalog.importers.spreadsheet import (
    MAX_SPARE_ELEMENTS,
    ZIP_MAGIC,
    about_sheet,
    open_sheet,
)
from catalog.importers.tables import (
    InvalidCatalogFile,
    Record,
    Table,
    TruncatedFile,
    open_table,
)
from catalog.importers.xml_feed import open_feed
from catalog.messages import Sentence, counted, sentence
from catalog.values import excerpt

__all__ = [
    "FORMATS",
    "NO_OPTIONS",
    "CatalogFile",
    "MissingColumns",
    "Options",
    "Row",
    "read_table",
    "recognize",
]

# By the name that the option `format` takes. A file has the first one whose columns it has.
FORMATS: Mapping[str, Format] = {
    "products": products.FORMAT,
    "shopify": shopify.FORMAT,
    "magento": magento.FORMAT,
    "woocommerce": woocommerce.FORMAT,
    "google": google.FORMAT,
    "jsonld": jsonld.FORMAT,
}
START_BYTES = 1000  # in which files of text show what they are
BEFORE_TEXT = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"
HTML = (b"<!doctype html", b"<html")
SAMPLE_ROWS = 1000  # which show the format of a file, and the decimal mark of its prices
SAMPLE_LETTERS = 5_000_000
SHOWN_COLUMNS = 8  # of a header that can't be used
SHOWN_LETTERS = 30  # of each


class MissingColumns(InvalidCatalogFile):
    """The header lacks columns, unless somebody says under which other names it has them."""


def read_table(file: BinaryIO, *, spare_elements: int = MAX_SPARE_ELEMENTS) -> Table:
    """The table in a file of any kind that can be imported. Raises InvalidCatalogFile."""
    file.seek(0)
    start = file.read(START_BYTES)
    if start.startswith(GZIP_MAGIC):
        file.seek(0)
        file = cast(BinaryIO, PackedFile(fileobj=file))
        start = file.read(START_BYTES)
    if start.startswith(ZIP_MAGIC):
        return open_sheet(file, spare_elements=spare_elements)
    text = start.lstrip(BEFORE_TEXT).replace(b"\0", b"").lower()
    if text.startswith((b"{", b"[")) or any(tag in text for tag in HTML):
        return open_page(file)
    return open_feed(file) if text.startswith(b"<") else open_table(file)


def recognize(table: Table, options: Options = NO_OPTIONS) -> CatalogFile:
    """The products of a table, in the format that it has. Raises InvalidCatalogFile.

    Without the option `format`, that is the first one whose needed columns the table has by itself,
    or else with those that the options name.
    """
    if options.format and options.format not in FORMATS:
        raise InvalidCatalogFile(
            sentence(
                "There is no format '%(format)s'. Use one of: %(formats)s.",
                format=excerpt(options.format),
                formats=", ".join(FORMATS),
            )
        )
    sample = _sample(table)
    key, best = "", (False, False)
    found: Mapping[str, str] = {}
    for each, format_ in FORMATS.items():
        guessed = format_.find_columns(table.header, sample) if format_.find_columns else {}
        columns = find_columns(format_, table.header, {**guessed, **options.columns})
        own = find_columns(format_, table.header, guessed).fields
        # Any file has the columns of products.csv once somebody has named them all.
        rank = (
            columns.fields.issuperset(format_.needed),
            bool(guessed) or own.issuperset(format_.needed),
        )
        if each == options.format or (not options.format and (not key or rank > best)):
            key, found, best = each, guessed, rank
        if all(best):
            break
    options = replace(options, columns={**found, **options.columns})
    format_ = FORMATS[key]
    columns = find_columns(format_, table.header, options.columns)
    _check(table, format_, columns, options)
    if not sample:
        raise InvalidCatalogFile(
            about_sheet(sentence("There are no products below the header."), table.sheet)
        )
    return CatalogFile(table, key, format_, options, columns, sample)


def _sample(table: Table) -> list[Record]:
    """The first rows, as far as they are kept."""
    sample: list[Record] = []
    letters = 0
    with suppress(TruncatedFile):  # it is raised again, when the rows before it are imported
        for record in islice(table, SAMPLE_ROWS):
            sample.append(record)
            letters += sum(len(cell) for cell in record.cells if isinstance(cell, str))
            if letters > SAMPLE_LETTERS:
                break
    return sample


def _check(table: Table, format_: Format, columns: Columns, options: Options) -> None:
    """Raises InvalidCatalogFile where a column is named wrongly, is missing, or is repeated."""
    names = {*FIELDS, *format_.columns}
    for name, header in options.columns.items():
        if name not in names:
            raise InvalidCatalogFile(
                sentence(
                    "There is no field '%(field)s'. The fields are: %(fields)s.",
                    field=excerpt(name),
                    fields=", ".join(map(label, dict.fromkeys((*FIELDS, *format_.columns)))),
                )
            )
        if name not in columns.fields:
            reason = sentence(
                "The header has no column '%(column)s'. It has: %(columns)s.",
                column=excerpt(header),
                columns=_shown(table),
            )
            raise InvalidCatalogFile(about_sheet(reason, table.sheet))
    needed = {name: format_.columns[name][0] for name in format_.needed}
    absent = [name for name in format_.columns if name not in columns.fields]
    missing = [name for name in needed if name in absent]
    if missing:
        reason = sentence(
            "The header lacks %(missing)s. The first row must name the columns %(needed)s. "
            "It has: %(columns)s.",
            missing=", ".join(needed[name] for name in missing),
            needed=", ".join(needed.values()),
            columns=_shown(table),
        )
        if not format_.is_own:  # it may be in another language
            reason = sentence(
                "%(reason)s If it has them under other names, say which of its columns is which "
                "of these fields: %(fields)s.",
                reason=reason,
                fields=", ".join(absent),
            )
        raise MissingColumns(about_sheet(reason, table.sheet))
    twins = [places[0] for places in columns.single.values() if len(places) > 1]
    if twins:
        repeated = ", ".join(sorted(plain_header(table.header[place]) for place in twins))
        reason = sentence("The header has %(columns)s more than once.", columns=repeated)
        raise InvalidCatalogFile(about_sheet(reason, table.sheet))


def _shown(table: Table) -> Sentence | str:
    """The first columns of a header, for a sentence."""
    found = [excerpt(text, SHOWN_LETTERS) for text in table.header if text.strip()]
    names = ", ".join(found[:SHOWN_COLUMNS])
    more = len(found) - SHOWN_COLUMNS
    if more <= 0:
        return names
    return counted(
        "%(names)s and %(number)s more", "%(names)s and %(number)s more", more, names=names
    )
