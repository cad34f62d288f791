"""Reads the rows of an XLSX file as a stream, within limits on everything that is unpacked.

The parts that matter are read with expat, event by event (ECMA-376, part 1, chapter 18):
libraries build the whole sheet, or whole rows, before their caller can refuse them.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cache
from itertools import dropwhile, islice
from posixpath import join, normpath
from string import digits
from typing import BinaryIO
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format  # type: ignore[import-untyped]
from openpyxl.utils.datetime import (  # type: ignore[import-untyped]
    MAC_EPOCH,
    WINDOWS_EPOCH,
    from_excel,
)

from catalog.importers.tables import COMMENT, InvalidCatalogFile, Record, Table
from catalog.messages import Amount, Sentence, sentence
from catalog.values import excerpt

MAX_FILES = 10_000  # in the archive, pictures among them
MAX_COLUMNS = 1000
MAX_STRING_BYTES = 64 * 2**20
MAX_ROW_LETTERS = 100_000
MAX_DEPTH = 64
MAX_CELL_LETTERS = 32_767  # the maximum of spreadsheet programs as well
MAX_PART_BYTES = 16 * 2**20  # of the workbook and its styles
MAX_TOKEN_BYTES = 128 * 2**10  # a tag with attributes, or a comment: expat scans it repeatedly
# Elements of XML that hold no value: enough for an empty one in each row that a sheet can have.
MAX_SPARE_ELEMENTS = 1_200_000
ELEMENTS_OF_VALUE = 4  # what each value adds to them
SPARE_BYTES, SPARE_BYTES_OF_ROW = 64 * 2**20, 64 * 2**10  # of a sheet
MAX_DATE = 2_900_000  # days until the year 9999
BLOCK = 16 * 2**10  # short references to long strings make a block's rows much larger

ZIP_MAGIC = b"PK\x03\x04"  # starts every XLSX file
ENTRY = b"PK\x01\x02"  # starts each entry of an archive's directory
# What zipfile, zlib, expat and conversions of ours raise on damaged files.
DAMAGES = (
    *(BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError),
    *(OverflowError, IndexError, struct.error, expat.ExpatError),
)
DAMAGED = sentence(
    "The spreadsheet is damaged. Open it in a spreadsheet program and save it again as .xlsx."
)
BLOATED = sentence(
    "The spreadsheet has far more formatting or text than products. "
    "Copy the rows with products to a new spreadsheet and save that."
)
LETTERS = re.compile("[A-Z]{1,3}")
NOUGHTS = re.compile(r"0+")

Attributes = dict[str, str]


class Fault(str):
    """The text of a cell that has no value: the reason, also as a sentence to translate."""

    reason: Sentence

    def __new__(cls, reason: Sentence) -> "Fault":
        fault = super().__new__(cls, str(reason))
        fault.reason = reason
        return fault


Cell = str | float


@dataclass(frozen=True)
class Sheet(Table):
    """The sheet of an XLSX file that was in front when the file was saved.

    Cells are what a spreadsheet program shows: numbers with 15 digits at most, results of formulas,
    dates as 2026-01-31. Hidden rows count; hidden sheets do not.
    """

    workbook: "_Workbook" = field(kw_only=True)

    def __iter__(self) -> Iterator[Record]:
        """The rows after the header that have values. Raises InvalidCatalogFile."""
        width = len(self.header)
        with _damage_told():
            for number, cells in islice(_without_comments(self.workbook), 1, None):
                if any(cells[:width]):
                    yield Record(number, number, cells[:width])


def open_sheet(file: BinaryIO, *, spare_elements: int = MAX_SPARE_ELEMENTS) -> Sheet:
    """The sheet in a file that is open for reading. Raises InvalidCatalogFile.

    `spare_elements` bounds the processor time: a million take about a second.
    """
    with _damage_told():
        _check_directory(file)
        workbook = _Workbook(ZipFile(file), spare_elements)
        cells = next(_without_comments(workbook), (1, ()))[1]
    if not cells:
        raise InvalidCatalogFile(about_sheet(sentence("The spreadsheet is empty."), workbook.sheet))
    header = tuple(str(cell) for cell in cells)
    return Sheet(file, "", "", header, workbook.sheet, workbook=workbook)


def about_sheet(reason: Sentence, sheet: str) -> Sentence:
    """The reason and, where there are several sheets, which of them is meant."""
    if not sheet:
        return reason
    return sentence("%(reason)s Only the sheet '%(sheet)s' was read.", reason=reason, sheet=sheet)


def _without_comments(workbook: "_Workbook") -> Iterator[tuple[int, tuple[Cell, ...]]]:
    """The rows from the header on, before which Meta's templates have comments."""
    return dropwhile(lambda row: COMMENT.match(str(row[1][0])), workbook.rows())


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except DAMAGES as error:
        raise InvalidCatalogFile(DAMAGED) from error


def _check_directory(file: BinaryIO) -> None:
    """Count the archive's files before zipfile makes an object of each."""
    count, end = 0, b""
    file.seek(0)
    while block := file.read(2**20):
        count += (end + block).count(ENTRY)
        end = block[-len(ENTRY) + 1 :]
    if count > MAX_FILES:
        raise InvalidCatalogFile(
            sentence("The spreadsheet has more than %(most)s files inside.", most=Amount(MAX_FILES))
        )
    file.seek(0)


@dataclass
class _Budget:
    elements: int  # that may still be read


class _Workbook:
    """The parts of an XLSX archive."""

    def __init__(self, archive: ZipFile, spare_elements: int) -> None:
        self._archive, self._spare_elements = archive, spare_elements
        self._budget = _Budget(spare_elements)
        # Names of parts are compared without regard to case (ECMA-376, part 2).
        self._parts = {info.filename.lower(): info for info in archive.infolist()}
        if len(self._parts) != len(archive.infolist()):
            raise InvalidCatalogFile(DAMAGED)
        self._book = next(iter(self._related("", "/officedocument").values()), "")
        if self._book.endswith(".bin"):
            raise InvalidCatalogFile(sentence("This is a binary Excel file. Save it as .xlsx."))
        if self._book not in self._parts:
            raise InvalidCatalogFile(
                sentence("This archive is not an Excel file. Save the products as .xlsx or as CSV.")
            )
        sheets: list[Attributes] = []
        in_front, self._epoch = 0, WINDOWS_EPOCH
        for name, attributes in self._elements(self._book):
            if name == "sheet":
                is_visible = attributes.get("state", "visible") == "visible"
                sheets.append(attributes if is_visible else {})  # `activeTab` counts all of them
            elif name == "workbookView":
                in_front = int(attributes.get("activeTab", 0))
            elif name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
                self._epoch = MAC_EPOCH
        parts = self._related(self._book, "/worksheet")
        ids = [
            next((value for key, value in sheet.items() if local(key) == "id"), "")
            for sheet in sheets
        ]
        visible = [place for place, key in enumerate(ids) if key in parts]
        if not visible:
            raise InvalidCatalogFile(sentence("The spreadsheet has no visible sheet with cells."))
        chosen = in_front if in_front in visible else visible[0]
        self._part = parts[ids[chosen]]
        self.sheet = excerpt(sheets[chosen].get("name", "")) if len(visible) > 1 else ""
        self._texts, self._formats = self._read_strings(), self._read_formats()
        self._left = self._budget.elements

    def rows(self) -> Iterator[tuple[int, tuple[Cell, ...]]]:
        """The rows that have values, and their numbers. Raises InvalidCatalogFile."""
        self._budget = _Budget(self._left)
        sheet = _SheetHandler(self._texts, self._formats, self._epoch, self._budget)
        for size in self._feed(self._part, sheet):
            yield from sheet.rows
            sheet.rows.clear()
            if size > SPARE_BYTES + sheet.count * SPARE_BYTES_OF_ROW:
                raise InvalidCatalogFile(BLOATED)
        yield from sheet.rows

    def _read_strings(self) -> list[bytes]:
        """The strings that cells refer to, as UTF-8, which bounds their memory."""
        strings = _StringHandler()
        for part in list(self._related(self._book, "/sharedstrings").values())[:1]:
            for size in self._feed(part, strings):
                if size > 2 * MAX_STRING_BYTES:
                    raise InvalidCatalogFile(BLOATED)
        return strings.done

    def _read_formats(self) -> list[str]:
        """The number format of each style of a cell."""
        codes: dict[str, str] = {str(key): code for key, code in BUILTIN_FORMATS.items()}
        formats: list[str] = []
        group = ""
        for part in list(self._related(self._book, "/styles").values())[:1]:
            for name, attributes in self._elements(part):
                if name == "numFmt":
                    codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")[:255]
                elif name in ("cellXfs", "cellStyleXfs"):
                    group = name
                elif name == "xf" and group == "cellXfs":
                    formats.append(codes.get(attributes.get("numFmtId", "0"), ""))
        return formats

    def _related(self, part: str, kind: str) -> dict[str, str]:
        """The parts of a kind that a part refers to, by id; "" is the archive itself."""
        folder, _, name = part.rpartition("/")
        found: dict[str, str] = {}
        for tag, attributes in self._elements(join(folder, "_rels", f"{name}.rels")):
            is_inside = tag == "Relationship" and attributes.get("TargetMode") != "External"
            if is_inside and attributes.get("Type", "").lower().endswith(kind):
                target = attributes.get("Target", "").replace("\\", "/")
                path = normpath(join("/", folder, target)).lstrip("/")
                found[attributes.get("Id", "")] = path.lower()
        return found

    def _elements(self, part: str) -> Iterator[tuple[str, Attributes]]:
        """The elements of a small part in the order in which they start; none if it is missing."""
        if part not in self._parts:
            return
        if self._parts[part].file_size > MAX_PART_BYTES:
            raise InvalidCatalogFile(BLOATED)
        elements = _ElementHandler()
        for _ in self._feed(part, elements):
            yield from elements.done
            self._budget.elements -= len(elements.done)  # each is costlier than one of a sheet
            elements.done.clear()

    def _feed(self, part: str, handler: "_Handler") -> Iterator[int]:
        """Parse a part block by block; the number of bytes so far after each of them."""
        info: ZipInfo | None = self._parts.get(part)
        if info is None or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise InvalidCatalogFile(DAMAGED)
        size = 0
        parser = handler.parser(self._budget)
        with self._archive.open(info) as file:
            while block := file.read(BLOCK):
                parser.Parse(block)
                size += len(block)
                if size - parser.CurrentByteIndex > MAX_TOKEN_BYTES:
                    raise InvalidCatalogFile(DAMAGED)
                yield size
        parser.Parse(b"", True)
        yield size


class _Handler:
    """Handles the events of a part."""

    _depth = 0

    def start(self, name: str, attributes: Attributes) -> None:
        """An element starts."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """Text, perhaps in pieces."""

    def parser(self, budget: _Budget) -> expat.XMLParserType:
        """A parser for this handler. It refuses a document type, so no entity is ever expanded."""

        def start(tag: str, attributes: Attributes) -> None:
            budget.elements -= 1 + len(attributes) // 4  # hardly any has as many
            self._depth += 1
            if budget.elements < 0 or self._depth > MAX_DEPTH:
                raise InvalidCatalogFile(BLOATED)
            self.start(local(tag), attributes)

        def end(tag: str) -> None:
            self._depth -= 1
            self.end(local(tag))

        def refuse(*_: object) -> None:
            raise InvalidCatalogFile(DAMAGED)

        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = self.text
        parser.StartDoctypeDeclHandler = refuse
        return parser


class _ElementHandler(_Handler):
    """Keeps the elements in the order in which they start."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Attributes]] = []

    def start(self, name: str, attributes: Attributes) -> None:
        self.done.append((name, attributes))


class _TextHandler(_Handler):
    """Collects the text of an element's `t` and `v`, without the readings of Asian text."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._letters = 0
        self._is_inside = self._is_reading = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name in ("t", "v"):
            self._is_inside = not self._is_reading
        elif name == "rPh":
            self._is_reading = True

    def end(self, name: str) -> None:
        if name in ("t", "v"):
            self._is_inside = False
        elif name == "rPh":
            self._is_reading = False

    def text(self, text: str) -> None:
        if self._is_inside:
            self._pieces.append(text)
            self._letters += len(text)
            if self._letters > MAX_CELL_LETTERS:
                raise InvalidCatalogFile(
                    sentence(
                        "A cell has more than %(most)s characters. Shorten its text.",
                        most=Amount(MAX_CELL_LETTERS),
                    )
                )

    def take(self) -> str:
        """The text so far, which is then forgotten."""
        text = "".join(self._pieces)
        self._pieces.clear()
        self._letters = 0
        return text


class _StringHandler(_TextHandler):
    """The part with the strings that cells share."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[bytes] = []
        self._bytes = 0

    def end(self, name: str) -> None:
        super().end(name)
        if name == "si":
            self.done.append(self.take().encode())
            self._bytes += len(self.done[-1])
            if self._bytes > MAX_STRING_BYTES:
                raise InvalidCatalogFile(BLOATED)


class _SheetHandler(_TextHandler):
    """A sheet; whoever feeds it takes the rows."""

    def __init__(
        self, strings: list[bytes], formats: list[str], epoch: datetime, budget: _Budget
    ) -> None:
        super().__init__()
        self._budget = budget
        self.rows: list[tuple[int, tuple[Cell, ...]]] = []
        self.count = 0
        self._strings, self._formats, self._epoch = strings, formats, epoch
        self._number = self._row_letters = 0
        self._cells: dict[int, Cell] = {}
        self._column = -1
        self._cell: Attributes = {}
        self._is_cell = self._has_formula = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            self._cell, self._is_cell, self._has_formula = attributes, True, False
            place = attributes.get("r")
            self._column = column_of(place.rstrip(digits)) if place else self._column + 1
        elif name == "row":
            self._number = int(attributes.get("r", self._number + 1))
            self._row_letters = 0
            self._cells, self._column = {}, -1
        elif name == "f":
            self._has_formula = True
        elif self._is_cell:
            super().start(name, attributes)

    def end(self, name: str) -> None:
        if name == "c":
            self._is_cell = False
            if self._pieces or self._has_formula:
                self._end_cell()
        elif name == "row":
            if self._cells:
                self._end_row()
        else:
            super().end(name)

    def _end_row(self) -> None:
        cells = (self._cells.get(column, "") for column in range(max(self._cells) + 1))
        self.rows.append((self._number, tuple(cells)))
        self.count += 1
        self._budget.elements += ELEMENTS_OF_VALUE * len(self._cells)
        self._cells = {}

    def _end_cell(self) -> None:
        kind, text = self._cell.get("t", "n"), self.take()
        place = f"{column_name(self._column)}{self._number}"
        value: Cell = text.replace("_x000D_", "")  # how Excel keeps the CR of a line's end
        if kind == "e":
            value = Fault(
                sentence(
                    "Cell %(cell)s has the error %(error)s.", cell=place, error=excerpt(text, 20)
                )
            )
        elif kind == "n" and not text:
            value = Fault(
                sentence(
                    "Cell %(cell)s has a formula without a result. "
                    "Open the file in a spreadsheet program and save it again.",
                    cell=place,
                )
            )
        elif kind == "s":
            value = self._strings[int(text)].decode()
        elif kind == "b":
            value = "true" if text == "1" else "false"
        elif kind == "n":
            value = self._shown(text, int(self._cell.get("s", 0)))
        if isinstance(value, str) and not value.strip():
            return
        if self._column >= MAX_COLUMNS:
            raise InvalidCatalogFile(
                sentence(
                    "Cell %(cell)s has a value; the maximum is %(most)s columns.",
                    cell=place,
                    most=Amount(MAX_COLUMNS),
                )
            )
        self._cells[self._column] = value
        self._row_letters += len(value) if isinstance(value, str) else 0
        if self._row_letters > MAX_ROW_LETTERS:
            raise InvalidCatalogFile(
                sentence(
                    "Row %(row)s has more than %(most)s characters.",
                    row=self._number,
                    most=Amount(MAX_ROW_LETTERS),
                )
            )

    def _shown(self, number: str, style: int) -> Cell:
        """A number as a spreadsheet program shows it, as far as its format can matter here."""
        code = self._formats[style] if 0 <= style < len(self._formats) else ""
        value = float(number)
        if NOUGHTS.fullmatch(code) and value.is_integer() and value >= 0:
            return f"{value:.0f}".zfill(len(code))
        if code and is_date_format(code) and 0 <= value < MAX_DATE:
            moment = from_excel(value, self._epoch)
            is_day = isinstance(moment, datetime) and moment.time() == time()
            return str(moment.date() if is_day else moment)
        return float(f"{value:.15g}")


def local(tag: str) -> str:
    """The name of a tag or an attribute without its prefix."""
    return tag.rpartition(":")[2] if ":" in tag else tag


@cache
def column_of(letters: str) -> int:
    """The index of a column, such as 27 for AB. Raises InvalidCatalogFile."""
    if not LETTERS.fullmatch(letters):
        raise InvalidCatalogFile(DAMAGED)
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter) - ord("A") + 1
    return column - 1


def column_name(column: int) -> str:
    """The letters of a column, such as AB for 27."""
    name = ""
    while column >= 0:
        name = chr(ord("A") + column % 26) + name
        column = column // 26 - 1
    return name
