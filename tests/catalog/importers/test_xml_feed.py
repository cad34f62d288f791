"""Feeds in XML: what is read of them, what is refused, and at which cost."""

import gzip
import tracemalloc
from io import BytesIO
from itertools import islice
from time import process_time

import pytest

from catalog.importers import InvalidCatalogFile, TruncatedFile, read_table
from catalog.importers.tables import Record
from catalog.importers.xml_feed import MAX_ITEM, XmlFeed, open_feed

HEAD = '<?xml version="1.0"?>\n<rss xmlns:g="http://base.google.com/ns/1.0"><channel>\n'
ITEM = "<item><g:id>1</g:id><title>Mug</title></item>\n"
END = "</channel></rss>"
MUG = Record(3, 3, ("1", "Mug"), names=("id", "title"))


def items(text: str | bytes) -> list[Record]:
    return list(open_feed(BytesIO(text.encode() if isinstance(text, str) else text)))


SAME = {
    "declared prefixes": HEAD + ITEM + END,
    "undefined prefixes": f"\n<rss><channel>\n{ITEM}{END}",
    "doubled prefixes": HEAD + ITEM.replace("g:", "g:g:") + END,
    "another prefix": HEAD.replace(":g=", ":goo=") + ITEM.replace("g:", "goo:") + END,
    "a mark and a blank line": f"\ufeff\n{HEAD[22:]}{ITEM}{END}",
    "what has the name, too": HEAD + ITEM.replace("<g:id>", "<id>x</id><a:id>y</a:id><g:id>") + END,
    "what is nested": HEAD + ITEM.replace("</item>", "<g:tax><g:id>2</g:id></g:tax></item>") + END,
    "CDATA and comments": HEAD + ITEM.replace("Mug", "<![CDATA[M]]><!-- - -->ug") + END,
    "UTF-16": (HEAD + ITEM + END).encode("utf-16"),
}


@pytest.mark.parametrize("kind", SAME)
def test_takes_local_names_and_prefers_those_of_google(kind: str) -> None:
    assert items(SAME[kind]) == [MUG]


def test_reads_atom_repeated_elements_and_other_encodings() -> None:
    text = """<?xml version="1.0" encoding="windows-1252"?><feed xmlns="http://www.w3.org/2005/Atom">
        <entry><id>1</id><title>Caf\xe9 &amp; more</title>
        <link rel="self" href="http://a.example/feed"/><link href="http://a.example/1"/>
        <g:additional_image_link>b</g:additional_image_link>
        <g:additional_image_link>c</g:additional_image_link></entry><entry><id>2</id></entry>
        </feed>"""
    one, two = items(text.encode("cp1252"))
    more = "additional_image_link"
    assert one.names == ("id", "title", "link", more, more)
    assert one.cells == ("1", "Café & more", "http://a.example/1", "b", "c")
    assert (one.line, two.line, two.cells) == (2, 5, ("2",))


def test_items_in_one_line_have_lines_of_their_own() -> None:
    assert [each.line for each in items(f"<rss>{ITEM.strip() * 3}</rss>")] == [1, 2, 3]


FAULTS = {
    "half a file": (ITEM[:-20], "The file ends in line 4, before its last tag is closed"),
    "a file without its end": ("", "The file ends in line 4"),
    "a wrong tag": ("<item><a></b></item>" + END, "damaged in line 4: mismatched tag"),
    "a bare &": ("<item><a>A & B</a></item>" + END, "& must be written as &amp;"),
    "NULs": ("\0" * 100 + END, "damaged in line 4"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_gives_the_items_before_a_fault_and_then_says_so(kind: str) -> None:
    text, sentence = FAULTS[kind]
    feed = open_feed(BytesIO(f"{HEAD}{ITEM}{text}".encode()))
    rows = iter(feed)
    assert next(rows) == MUG
    with pytest.raises(TruncatedFile, match=sentence):
        next(rows)


REFUSED = {
    "entities": f'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss>{ITEM}</rss>',
    "files of others": f'<!DOCTYPE r SYSTEM "file:///etc/passwd"><rss>{ITEM}</rss>',
    "10,000 levels": HEAD + "<a>" * 10_000,
    "10,000 levels in an item": f"{HEAD}<item>{'<a>' * 10_000}",
    "many attributes": "<rss " + " ".join(f"a{n}='1'" for n in range(100_000)) + ">",
    "an endless tag": f"<rss{' ' * 5_000_000}",
    "an endless comment": f"{HEAD}<!-- {'> ' * 5_000_000}",
    "an endless instruction": f"{HEAD}<?x {'x' * 5_000_000}",
    "an endless name": f"<{'x' * 5_000_000}",
    "endless names in items": f"{HEAD}<item><{'x' * 100_000}>1</{'x' * 100_000}></item>",
    "endless new names": HEAD + "".join(f"<a{n}/>" for n in range(30_000)),
    "an unknown encoding": f'<?xml version="1.0" encoding="klingon"?><rss>{ITEM}</rss>',
    "an encoding of several bytes": f'<?xml version="1.0" encoding="big5"?><rss>{ITEM}</rss>',
    "no items": HEAD + END,
    "NULs": "<" + "\0" * 1_000_000,
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refuses_hostile_files_with_a_sentence_at_little_cost(kind: str) -> None:
    file = BytesIO(REFUSED[kind].encode())
    started = process_time()
    tracemalloc.start()
    try:
        with pytest.raises(InvalidCatalogFile, match=r"^[A-Z].*\.$"):
            open_feed(file)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert process_time() - started < 10


@pytest.mark.parametrize(
    "text", [f"<a>{'x' * (MAX_ITEM + 1)}</a>", "<a>1</a>" * 1002, f"<a>{'<b/>x' * 10}</a>"]
)
def test_item_that_is_too_large_fails_alone(text: str) -> None:
    large, mug = items(f"{HEAD}<item>{text}</item>\n{ITEM}{END}")
    assert bool(large.error) == ("<b/>" not in text)
    assert mug.cells == MUG.cells


def test_feed_of_any_length_is_a_stream() -> None:
    file = BytesIO((HEAD + (ITEM + " " * 1000) * 5_000).encode())
    tracemalloc.start()
    try:
        assert sum(1 for _ in islice(XmlFeed(file, "", "", ()), 5_000)) == 5_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_unpacks_gzip() -> None:
    packed = gzip.compress((HEAD + ITEM + END).encode())
    assert list(read_table(BytesIO(packed))) == [MUG]
    with pytest.raises(TruncatedFile, match="ends too early"):
        list(read_table(BytesIO(packed[:-4])))
    with pytest.raises(InvalidCatalogFile, match="a compressed file"):
        read_table(BytesIO(gzip.compress(packed)))
