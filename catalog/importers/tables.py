"""Reads delimited text as spreadsheets and shops write it, whatever its delimiter and encoding.

What the columns mean is not known here. A file is read line by line, in time linear in its size,
and what is kept of it is bounded.
"""

import csv
import re
from codecs import (
    BOM_UTF8,
    BOM_UTF16_BE,
    BOM_UTF16_LE,
    BOM_UTF32_BE,
    BOM_UTF32_LE,
    getincrementaldecoder,
)
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import SEEK_END, TextIOWrapper
from itertools import chain
from math import inf
from typing import BinaryIO

from catalog.messages import Amount, Sentence, counted, sentence

DELIMITERS = ",;\t|~"
MAX_LINE = 1_000_000  # characters of a line, and of the lines of one row
MAX_COLUMNS = 5_000
CHUNK_BYTES = 2**20
HIGH_BYTES = bytes(range(0x80, 0x100))
CONTROL_BYTES = bytes({*range(0x20), 0x7F} - {*b"\t\n\v\f\r"})
SEPARATOR = re.compile(rf'"?sep=([{DELIMITERS}])"?[{DELIMITERS}]*\s*', re.IGNORECASE)
COMMENT = re.compile(r'"?#\s')  # before a header, as in Meta's templates
QUOTED = re.compile(r'"[^"]*"?')
# The mark of UTF-16 begins that of UTF-32, so the longer ones come first.
MARKS = (
    (BOM_UTF8, "UTF-8"),
    (BOM_UTF32_LE, "UTF-32"),
    (BOM_UTF32_BE, "UTF-32"),
    (BOM_UTF16_LE, "UTF-16"),
    (BOM_UTF16_BE, "UTF-16"),
)
WINDOWS = "Windows-1252"
CODECS = {"UTF-8": "utf-8-sig", WINDOWS: "cp1252"}  # others are named as Python names them
PICTURE = sentence("This is a picture, and not a table.")
JSON = sentence("This is JSON, and not a table.")
OTHER_FILES = (
    (
        b"\xd0\xcf\x11\xe0",
        sentence("This is a file of an old Excel, or one with a password, and not a table."),
    ),
    (b"\x1f\x8b", sentence("This is a compressed file, and not a table.")),
    (b"%PDF", sentence("This is a PDF, and not a table.")),
    (b"\x89PNG", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF8", PICTURE),
    (b"RIFF", PICTURE),
    (b"<", sentence("This is a web page (HTML) or XML, and not a table.")),
    (b"{", JSON),
    (b"[", JSON),
)


class InvalidCatalogFile(Exception):
    """The file as a whole can't be read as a catalog; the message says why."""


class TruncatedFile(InvalidCatalogFile):
    """The file ends too early or is damaged; the rows before that were read.

    It is raised after them, so whoever imports has imported them, but knows that others may be
    missing.
    """


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a table: its cells, at most as many as the header has, or why it has none."""

    line: int  # as an editor counts: where it begins or, with an error, where the fault is
    end: int  # its last line
    cells: tuple[str | float, ...] = ()  # numbers in spreadsheets only
    error: Sentence | None = None
    names: tuple[str, ...] = ()  # of the cells, where the header does not name them
    loses_lines: bool = False  # whether its error took other rows with it


@dataclass(frozen=True)
class Table:
    """Delimited text in a file that can be read more than once, one reader at a time."""

    file: BinaryIO
    encoding: str  # UTF-8, UTF-16, ... or Windows-1252
    delimiter: str
    header: tuple[str, ...]  # as the file has it, without empty cells at its end
    sheet: str = ""  # its name, where the file has others that are not read

    def __iter__(self) -> Iterator[Record]:
        """The rows after the header, without those that have no text."""
        width = len(self.header)
        with _Lines(self.file, self.encoding) as lines:
            reader = _reader(lines, _first_line(lines)[0], self.delimiter)
            next(reader)  # the header
            while True:
                lines.start_row()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except (csv.Error, _TooLong) as error:
                    yield _explain(error, lines, self.delimiter)
                    continue
                if not any(map(str.strip, cells)):
                    continue
                problem = None
                if any(map(str.strip, cells[width:])):
                    problem = sentence(
                        "The row has %(values)s values, but the header has %(width)s. "
                        "A value that contains '%(delimiter)s' must be in quotes.",
                        values=len(cells),
                        width=width,
                        delimiter=self.delimiter.replace("\t", "\\t"),
                    )
                yield Record(lines.first, lines.number, tuple(cells[:width]), problem)


def is_cut_off(table: Table) -> bool:
    """Whether the text seems to end within its last row.

    That is the case if no line break follows it, and it can't be read or is the only row with so
    few values. Shops that leave out empty values at the end of rows do so in others, too.
    """
    end = table.file.seek(0, SEEK_END)
    table.file.seek(max(0, end - 4))  # a line break and, in UTF-16 or UTF-32, its zeros
    if table.file.read().rstrip(b"\0").endswith((b"\n", b"\r")):
        return False
    last, least = None, inf
    for record in table:
        if last and not last.error:
            least = min(least, len(last.cells))
        last = record
    return last is not None and (
        bool(last.error) or len(last.cells) < min(least, len(table.header))
    )


def open_table(file: BinaryIO) -> Table:
    """The table in a file that is open for reading and seekable. Raises InvalidCatalogFile."""
    encoding = _encoding_of(file)
    with _Lines(file, encoding) as lines:
        delimiter = DELIMITERS[0]
        try:
            line, delimiter = _first_line(lines)
            header = next(_reader(lines, line, delimiter))
        except StopIteration as error:
            raise InvalidCatalogFile(sentence("The file is empty.")) from error
        except (csv.Error, _TooLong) as error:
            reason = _explain(error, lines, delimiter).error
            raise InvalidCatalogFile(
                sentence("The header can't be read. %(reason)s", reason=reason)
            ) from error
    while not header[-1].strip():  # `_first_line` has some text
        header.pop()
    if len(header) > MAX_COLUMNS:
        raise InvalidCatalogFile(
            sentence(
                "The header has %(columns)s columns; the maximum is %(most)s.",
                columns=Amount(len(header)),
                most=Amount(MAX_COLUMNS),
            )
        )
    return Table(file, encoding, delimiter, tuple(header))


class _TooLong(Exception):
    """The message says which line is too long."""


class _Lines:
    """The lines of a file, as csv.reader asks for them. Remembers those of the current row."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        file.seek(0)
        # Bytes that are no text become lone surrogates, so that only their own row fails.
        errors = "surrogateescape" if encoding in CODECS else "replace"
        codec = CODECS.get(encoding, encoding)
        self._text = TextIOWrapper(file, encoding=codec, errors=errors, newline="")
        self.number = 0
        self.start_row()

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ValueError):  # the file is closed: whoever read these lines has stopped
            self._text.detach()  # otherwise it would close the file

    def start_row(self) -> None:
        self.first = self.number + 1
        self.row: list[str] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MAX_LINE and line[-1] not in "\r\n":
            while line and line[-1] not in "\r\n":
                line = self._text.readline(MAX_LINE)
            raise _TooLong(
                sentence(
                    "Line %(line)s is longer than %(most)s characters.",
                    line=self.number,
                    most=Amount(MAX_LINE),
                )
            )
        self.row.append(line)
        self._size += len(line)
        if self._size > MAX_LINE:
            raise _TooLong(
                sentence(
                    "The row that begins in line %(line)s is longer than %(most)s characters. "
                    "%(lost)s",
                    line=self.first,
                    most=Amount(MAX_LINE),
                    lost=_lost(self.first, self.number),
                )
            )
        return line


def _first_line(lines: _Lines) -> tuple[str, str]:
    """The line in which the header begins, and the delimiter. Raises StopIteration."""
    named = ""
    while True:
        line = next(lines)
        if separator := SEPARATOR.fullmatch(line):
            named = separator[1]
        elif line.strip(f"{DELIMITERS} \r\n") and not COMMENT.match(line):
            break
    bare = QUOTED.sub("", line)
    return line, named or max(DELIMITERS, key=bare.count)


def _reader(lines: _Lines, first: str, delimiter: str) -> Iterator[list[str]]:
    text = chain([first], lines)
    return csv.reader(text, delimiter=delimiter, strict=True, skipinitialspace=True)


def _explain(error: Exception, lines: _Lines, delimiter: str) -> Record:
    """Why the current row can't be read, and which lines were lost with it."""
    line = lines.first
    loses_lines = lines.number > lines.first
    if isinstance(error, _TooLong):
        return Record(line, lines.number, error=error.args[0], loses_lines=loses_lines)
    opened = _find_open_quote(lines.row, delimiter)
    if opened is None:
        problem = sentence(
            "The row has a value of more than %(most)s characters.",
            most=Amount(csv.field_size_limit()),
        )
    elif not loses_lines:
        problem = sentence(
            'The row has a quote that is not closed. Inside a value, write quotes twice: "".'
        )
    else:
        line += opened
        problem = open_quote(line, lines.first, lines.number)
    return Record(line, lines.number, error=problem, loses_lines=loses_lines)


def open_quote(line: int, first: int, last: int) -> Sentence:
    """That a quote is not closed, and which lines were lost with it."""
    return sentence(
        "A quote that opens in line %(line)s is not closed. %(lost)s",
        line=line,
        lost=_lost(first, last),
    )


def _lost(first: int, last: int) -> Sentence:
    return counted(
        "Lines %(first)s to %(last)s (%(number)s line) are lost.",
        "Lines %(first)s to %(last)s (%(number)s lines) are lost.",
        Amount(last - first + 1),
        first=first,
        last=last,
    )


def _find_open_quote(lines: list[str], delimiter: str) -> int | None:
    """The index of the line with the quote that does not end before a delimiter, or None."""
    text = "".join(lines)
    opening = re.compile(rf'(?:\A|[\r\n{re.escape(delimiter)}]) *"')
    closing = re.compile(r'(?:[^"]|"")*+"')
    position = 0
    while found := opening.search(text, position):
        closed = closing.match(text, found.end())
        if closed and text[closed.end() : closed.end() + 1] in ("", "\r", "\n", delimiter):
            position = closed.end()
            continue
        before = text[: found.end() - 1]
        return sum(1 for _ in re.finditer(r"\r\n?|\n", before))
    return None


def _encoding_of(file: BinaryIO) -> str:
    """The name of the encoding. Raises InvalidCatalogFile where the file is known to be no text."""
    file.seek(0)
    start = file.read(4096)
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    for signature, reason in OTHER_FILES:
        if start.lstrip().startswith(signature):
            raise _no_table(reason)
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > len(start) // 4 and not min(even, odd):
        return "UTF-16-LE" if odd else "UTF-16-BE"
    header = start.lstrip().splitlines()[:1] or [b""]
    if len(header[0].translate(None, CONTROL_BYTES)) < len(header[0]) * 0.95:
        raise _no_table(sentence("This is not a table."))
    return "UTF-8" if _is_utf8(file) else WINDOWS


def _no_table(reason: Sentence) -> InvalidCatalogFile:
    return InvalidCatalogFile(
        sentence("%(reason)s Save the products as .xlsx or as CSV (UTF-8).", reason=reason)
    )


def _is_utf8(file: BinaryIO) -> bool:
    """Whether more of the letters beyond ASCII are UTF-8 than are not.

    In Windows-1252 hardly any are. In UTF-8, a few may be cut off or come from elsewhere.
    """
    escaping = getincrementaldecoder("utf-8")("surrogateescape")
    ignoring = getincrementaldecoder("utf-8")("ignore")
    good = bad = 0
    file.seek(0)
    for chunk in iter(partial(file.read, CHUNK_BYTES), b""):
        if chunk.isascii():
            continue
        letters = len(ignoring.decode(chunk))
        bad += len(escaping.decode(chunk)) - letters
        good += letters - len(chunk.translate(None, HIGH_BYTES))
    return not bad or good > bad
