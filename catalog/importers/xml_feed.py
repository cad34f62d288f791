"""Reads the items of RSS and Atom feeds as a stream, within limits on what an item may hold.

defusedxml refuses document types and entities. Namespaces are not resolved, because feeds often use
a prefix that they don't declare: the local name counts, and where an item has a name twice, the one
with the prefix of Google's namespace.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any, BinaryIO
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, LexicalHandler, property_lexical_handler

from defusedxml import DefusedXmlException
from defusedxml.expatreader import create_parser

from catalog.importers.tables import InvalidCatalogFile, Record, Table, TruncatedFile
from catalog.messages import Amount, sentence

ITEMS = frozenset({"item", "entry", "product"})
GOOGLE = "base.google.com"  # in the address of the namespace, which is written in several ways
SAMPLE_ITEMS = 1000  # whose names are the header
MAX_ITEM = 1_000_000  # characters
MAX_FIELDS = 1000  # of an item
MAX_NAMES = 5000  # of the header
MAX_ALL_NAMES = 20_000  # of tags and attributes in a file, each of which expat keeps
MAX_NAME = 200  # characters
MAX_DEPTH = 64
MAX_PREFIXES = 20
BLOCK = 64 * 2**10
# Without an event there is no end of a tag, comment or the like: expat scans it with each block.
MAX_TOKEN = 4 * BLOCK


@dataclass(frozen=True)
class XmlFeed(Table):
    """The items of a feed as rows. Each names its own cells, and may name some more than once."""

    def __iter__(self) -> Iterator[Record]:
        """The items in their order. Raises InvalidCatalogFile, perhaps after some of them."""
        self.file.seek(0)
        whole = self.file.read(BLOCK).removeprefix(BOM_UTF8)
        start = whole.lstrip()
        skipped = whole[: len(whole) - len(start)].count(b"\n")
        parser = create_parser(forbid_dtd=True)

        def current_line() -> int:
            line: int = parser.getLineNumber()
            return skipped + line

        handler = _ItemHandler(current_line)
        parser.setContentHandler(handler)
        parser.setProperty(property_lexical_handler, handler)
        try:
            for block in chain([start], iter(partial(self.file.read, BLOCK), b"")):
                handler.silence += len(block)
                fault = _fault_of(parser.feed, block)
                yield from handler.take()
                if fault:
                    raise TruncatedFile(
                        sentence(
                            "The file is damaged in line %(line)s: %(fault)s. "
                            "In XML, & must be written as &amp; and < as &lt;.",
                            line=current_line(),
                            fault=fault,
                        )
                    )
                if handler.silence > MAX_TOKEN:
                    raise InvalidCatalogFile(
                        sentence(
                            "A tag or a comment in line %(line)s is too long.", line=current_line()
                        )
                    )
            if _fault_of(parser.close):
                raise TruncatedFile(
                    sentence(
                        "The file ends in line %(line)s, before its last tag is closed.",
                        line=current_line(),
                    )
                )
        except DefusedXmlException as error:
            raise InvalidCatalogFile(
                sentence(
                    "The file has a document type (<!DOCTYPE ...>), which is not read. Remove it."
                )
            ) from error
        except (ValueError, LookupError) as error:
            raise InvalidCatalogFile(
                sentence("The file's encoding can't be read. Save it as UTF-8.")
            ) from error


def open_feed(file: BinaryIO) -> XmlFeed:
    """The feed in a file that is open for reading and seekable. Raises InvalidCatalogFile.

    Its header has the names that the first items use.
    """
    names: dict[str, None] = {}
    has_items = False
    try:
        for record in islice(XmlFeed(file, "", "", ()), SAMPLE_ITEMS):
            has_items = True
            names |= dict.fromkeys(record.names if len(names) < MAX_NAMES else ())
    except TruncatedFile:
        if not has_items:
            raise  # otherwise it is raised again, after the items
    if not has_items:
        raise InvalidCatalogFile(
            sentence("The file has no <item>, <entry> or <product>, so no products.")
        )
    return XmlFeed(file, "", "", tuple(names))


def _fault_of(parse: Callable[..., object], *block: bytes) -> str:
    """What is wrong with the XML up to the end of a block, "" if nothing is."""
    try:
        parse(*block)
    except SAXParseException as error:
        return error.getMessage()
    return ""


class _ItemHandler(ContentHandler, LexicalHandler):
    """Makes records of items: of the texts of the elements directly inside them."""

    def __init__(self, current_line: Callable[[], int]) -> None:
        super().__init__()
        self._current_line = current_line
        self.silence = 0  # bytes since the last event
        self._done: list[Record] = []
        self._depth = self._item = 0  # the level of the current item
        self._line = self._size = 0
        self._fields: list[tuple[str, str]] = []  # names with prefixes, and texts
        self._pieces: list[str] = []
        self._address = ""
        self._google = {"g"}  # the prefixes of Google's namespace
        self._names: dict[str, str] = {}  # of all tags and attributes

    def take(self) -> list[Record]:
        """The items that have ended since the last time."""
        done, self._done = self._done, []
        return done

    def startElement(self, tag: str, attributes: Any) -> None:  # noqa: N802
        self.silence = 0
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidCatalogFile(
                sentence("The file's tags are nested more than %(most)s deep.", most=MAX_DEPTH)
            )
        for name in (tag, *attributes.getNames()) if len(attributes) else (tag,):
            if name not in self._names:
                self._add_name(name)
        if self._item:
            if self._depth == self._item + 1:
                self._pieces = []
                self._address = _address_in(attributes) if len(attributes) else ""
            return
        if len(attributes) and len(self._google) < MAX_PREFIXES:
            spaces = (pair for pair in attributes.items() if pair[0].startswith("xmlns:"))
            self._google |= {name[6:] for name, address in spaces if GOOGLE in address}
        if tag.rpartition(":")[2].lower() in ITEMS:
            # Importers know rows by their lines, so of several items in a line each has its own.
            self._line = max(self._current_line(), self._line + 1)
            self._item, self._size, self._fields = self._depth, 0, []

    def _add_name(self, name: str) -> None:
        self._names[name] = name
        if len(name) > MAX_NAME or len(self._names) > MAX_ALL_NAMES:
            raise InvalidCatalogFile(
                sentence(
                    "The file's tags have more than %(most)s names, or one of more than "
                    "%(letters)s characters.",
                    most=Amount(MAX_ALL_NAMES),
                    letters=MAX_NAME,
                )
            )

    def characters(self, text: str) -> None:
        self.silence = 0
        if self._item and self._depth == self._item + 1:
            self._size += len(text)
            if self._size <= MAX_ITEM:
                self._pieces.append(text)

    def endElement(self, tag: str) -> None:  # noqa: N802
        self.silence = 0
        if self._item and self._depth == self._item + 1:
            text = "".join(self._pieces).strip() or self._address
            if text and len(self._fields) <= MAX_FIELDS:
                self._fields.append((self._names[tag], text))  # one object for all items
        elif self._item and self._depth == self._item:
            self._done.append(self._record())
            self._item = 0
        self._depth -= 1

    def processingInstruction(self, target: str, data: str) -> None:  # noqa: N802
        self.silence = 0

    def comment(self, content: str) -> None:
        self.silence = 0

    def _record(self) -> Record:
        error = None
        if self._size > MAX_ITEM or len(self._fields) > MAX_FIELDS:
            error = sentence(
                "The item is too large; the maximum is %(letters)s characters and "
                "%(elements)s elements.",
                letters=Amount(MAX_ITEM),
                elements=Amount(MAX_FIELDS),
            )
        ranked = [(self._rank(tag), tag.rpartition(":")[2], text) for tag, text in self._fields]
        best: dict[str, int] = {}
        for rank, name, _ in ranked:
            best[name] = max(rank, best.get(name, 0))
        kept = [(name, text) for rank, name, text in ranked if rank == best[name]]
        names, cells = zip(*kept, strict=True) if kept else ((), ())
        return Record(self._line, self._line, cells, error, names)

    def _rank(self, tag: str) -> int:
        """Which of several elements with one name counts: Google's own, then those of the feed."""
        prefix = tag.partition(":")[0] if ":" in tag else ""
        return 2 if prefix in self._google else 0 if prefix else 1


def _address_in(attributes: Any) -> str:
    """The address of an element such as <link href="...">, unless it is that of the feed."""
    if attributes.get("rel", "alternate") != "alternate":
        return ""
    address: str = attributes.get("href") or attributes.get("url") or ""
    return address
