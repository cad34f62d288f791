import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from random import Random
from time import process_time

import openpyxl
import pytest

from catalog.importers import import_products, summarize
from catalog.importers.spreadsheet import DAMAGED, MAX_SPARE_ELEMENTS, Fault, open_sheet
from catalog.importers.tables import InvalidCatalogFile
from tests.catalog.importers.workbooks import HEADER, products, row, whole_sheet, workbook

MB = 2**20


def read(data: bytes) -> list[tuple[str | float, ...]]:
    """The cells of all rows after the header."""
    return [record.cells for record in open_sheet(BytesIO(data))]


def value(cell: str, **parts: str) -> str | float:
    """The value of a cell, from its XML."""
    ((found,),) = read(workbook(row(1, "header") + f"<row>{cell}</row>", **parts))
    return found


def refusal(data: bytes) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(InvalidCatalogFile) as caught:
        read(data)
    return str(caught.value)


def test_reads_what_a_library_wrote() -> None:
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    book.active.append(["m1", " Mug\nwith handle", "Home", None, 9.5])
    book.active.append([])
    book.active.append([17, True, date(2026, 1, 31), datetime(2026, 1, 31, 12, 30), "ä€😀"])
    output = BytesIO()
    book.save(output)
    sheet = open_sheet(output)
    assert sheet.header == HEADER
    assert [(record.line, record.cells) for record in sheet] == [
        (2, ("m1", " Mug\nwith handle", "Home", "", 9.5)),
        (4, (17.0, "true", "2026-01-31", "2026-01-31 12:30:00", "ä€😀")),
    ]
    assert len(list(sheet)) == 2, "a sheet can be read again"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("<c><v>17.939999999999998</v></c>", 17.94),
        ("<c><v>0.30000000000000004</v></c>", 0.3),
        ("<c><v>4.006381333931E12</v></c>", 4006381333931.0),
        ("<c><f>A1*2</f><v>3</v></c>", 3.0),
        ('<c t="str"><f>A1</f><v>Mug</v></c>', "Mug"),
        ('<c t="b"><v>1</v></c>', "true"),
        ('<c t="s"><v>0</v></c>', "Mug with handle"),
        ('<c t="inlineStr"><is><r><t>Mu</t></r><r><t>g &amp; cup</t></r></is></c>', "Mug & cup"),
        ('<c t="str"><v>one_x000D_\ntwo</v></c>', "one\ntwo"),
        ('<c s="1"><v>123</v></c>', "00123"),
        ('<c s="2"><v>46053</v></c>', "2026-01-31"),
    ],
)
def test_cell_is_what_a_spreadsheet_program_shows(cell: str, expected: str | float) -> None:
    phonetic = "<rPh><t>reading</t></rPh>"
    strings = f"<si><r><t>Mug </t></r><r><t>with handle</t></r>{phonetic}</si>"
    styles = (
        '<numFmts><numFmt numFmtId="164" formatCode="00000"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="14"/></cellXfs>'
    )
    assert value(cell, strings=strings, styles=styles) == expected


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ('<c t="e"><v>#REF!</v></c>', "Cell A2 has the error #REF!."),
        ("<c><f>B1*2</f></c>", "Cell A2 has a formula without a result."),
    ],
)
def test_cell_without_a_value_says_why(cell: str, sentence: str) -> None:
    found = value(f'<c r="A2"/>{cell}'.replace('<c r="A2"/>', ""))
    assert isinstance(found, Fault)
    assert found.startswith(sentence)


def test_cells_keep_their_columns_and_those_beyond_the_header_are_left_out() -> None:
    cells = '<c r="C7"><v>3</v></c><c r="A7"><v>1</v></c><c r="Z7"><v>9</v></c>'
    assert read(workbook(row(1, "a", "b", "c") + f'<row r="7">{cells}</row>')) == [(1.0, "", 3.0)]


def test_prefixes_and_absolute_names_of_parts_are_understood() -> None:
    data = workbook(products())
    output = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(output, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            if "sheet1" in name:
                text = (
                    text.replace("<", "<x:").replace("<x:/", "</x:").replace("xmlns=", "xmlns:x=")
                )
            new.writestr(name.replace("sharedStrings", "SharedStrings"), text)
    assert read(output.getvalue()) == read(data)


def two_sheets(first: str = "", second: str = "", tab: int = 0) -> bytes:
    sheets = f'<sheet name="One" r:id="r1" {first}/><sheet name="Two" r:id="r2" {second}/>'
    book = f'<bookViews><workbookView activeTab="{tab}"/></bookViews><sheets>{sheets}</sheets>'
    other = {"xl/worksheets/sheet2.xml": whole_sheet(row(1, "two")).encode()}
    return workbook(row(1, "one"), book=book, others=other)


@pytest.mark.parametrize(
    ("data", "header", "named"),
    [
        (two_sheets(), "one", "One"),
        (two_sheets(tab=1), "two", "Two"),
        (two_sheets(tab=9), "one", "One"),
        (two_sheets(first='state="hidden"'), "two", ""),
        (two_sheets(second='state="veryHidden"', tab=1), "one", ""),
    ],
)
def test_the_sheet_in_front_is_read_unless_it_is_hidden(
    data: bytes, header: str, named: str
) -> None:
    sheet = open_sheet(BytesIO(data))
    assert (sheet.header, sheet.sheet) == ((header,), named)


def test_hidden_rows_are_read() -> None:
    hidden = '<row r="2" hidden="1"><c><v>1</v></c></row>'
    assert read(workbook(row(1, "a") + hidden)) == [(1.0,)]


EMPTY_CELLS = "".join(f'<c r="{letter}9" s="1"/>' for letter in "ABCDEFGH")
STRING = "<si><t>a</t></si>"
LONG = "<si><t>" + 32_000 * "a" + "</t></si>"
ATTRIBUTES = " ".join(f'a{number}=""' for number in range(10_000))
DOCTYPE = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'

HOSTILE: dict[str, Callable[[], bytes]] = {
    "a cell in the last column": lambda: workbook(
        products() + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    ),
    "a hundred thousand columns": lambda: workbook("<row>" + "<c><v>1</v></c>" * 10**5 + "</row>"),
    "a million empty columns": lambda: workbook("<row>" + "<c/>" * 10**6 + "</row>"),
    "formatted cells down to the last row": lambda: workbook(
        products() + f"<row>{EMPTY_CELLS}</row>" * 20_000
    ),
    "many strings": lambda: workbook(products(), strings=STRING * 10**5),
    "long strings": lambda: workbook(products(), strings=LONG * 2100),
    "one long string": lambda: workbook(products(), strings=f"<si><t>{'a' * 10 * MB}</t></si>"),
    "a row of long strings": lambda: workbook(
        "<row>" + '<c t="s"><v>0</v></c>' * 900 + "</row>", strings=LONG
    ),
    "nothing but spaces": lambda: workbook(products() + " " * 70 * MB),
    "a long attribute": lambda: workbook(products() + f'<x a="{"a" * 5 * MB}"/>'),
    "many attributes": lambda: workbook(products() + f"<x {ATTRIBUTES}/>" * 100),
    "a long comment": lambda: workbook(products() + f"<!--{'a' * 5 * MB}-->"),
    "deep nesting": lambda: workbook(products() + "<x>" * 10**6),
    "many styles": lambda: workbook(products(), styles=f"<cellXfs>{'<xf/>' * 10**5}</cellXfs>"),
    "large styles": lambda: workbook(products(), styles=" " * 17 * MB),
    "many sheets": lambda: workbook(products(), book="<sheets>" + "<sheet/>" * 10**5),
    "many files": lambda: workbook(
        products(), others={f"xl/media/{n}.png": b"" for n in range(10_001)}
    ),
    "entities": lambda: workbook(
        "", others={"xl/worksheets/sheet1.xml": f"{DOCTYPE}<x>&b;</x>".encode()}
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_file_is_refused_with_a_sentence_in_bounded_time(kind: str) -> None:
    """With a tenth of the elements that a spreadsheet may have, for the test's sake."""
    file = BytesIO(HOSTILE[kind]())
    before = process_time()
    with pytest.raises(InvalidCatalogFile) as caught:
        list(open_sheet(file, spare_elements=MAX_SPARE_ELEMENTS // 10))
    assert process_time() - before < 10, "a fraction of a second, on a slow and busy machine"
    assert str(caught.value).endswith(".")


def test_row_at_the_end_of_a_sheet_costs_nothing() -> None:
    data = workbook(products() + '<row r="1048576"><c r="A1048576"><v>1</v></c></row>')
    assert [record.line for record in open_sheet(BytesIO(data))] == [2, 1_048_576]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"PK\x03\x04 not really", DAMAGED),
        (workbook("<row><c>"), DAMAGED),
        (workbook(row(1, "a") + '<row><c t="s"><v>7</v></c></row>'), DAMAGED),
        (workbook('<row r="many"><c><v>1</v></c></row>'), DAMAGED),
        (workbook('<row><c r="$A$1"><v>1</v></c></row>'), DAMAGED),
        (workbook("<row><c><v>one</v></c></row>"), DAMAGED),
        (workbook(""), "The spreadsheet is empty."),
        (workbook(products(), book="<sheets/>"), "The spreadsheet has no visible sheet"),
    ],
)
def test_damaged_file_is_refused_with_a_sentence(data: bytes, sentence: object) -> None:
    assert refusal(data).startswith(str(sentence))


def test_file_twice_in_an_archive_is_refused() -> None:
    output = BytesIO(workbook(products()))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(output, "a") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    assert refusal(output.getvalue()) == str(DAMAGED)


def test_archive_that_is_no_spreadsheet_is_refused() -> None:
    output = BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("products.csv", "id,name")
    assert "not an Excel file" in refusal(output.getvalue())


def test_no_damage_raises_anything_else() -> None:
    random = Random(7)  # noqa: S311
    good = workbook(products(30), strings=STRING)
    for _ in range(400):
        data = bytearray(good)
        for _ in range(random.randint(1, 4)):
            data[random.randrange(len(data))] = random.randrange(256)
        cut = random.randrange(len(data)) if random.random() < 0.2 else len(data)
        with suppress(InvalidCatalogFile):
            read(bytes(data[:cut]))


@pytest.mark.django_db
def test_command_imports_a_spreadsheet_and_names_what_it_cannot_read(tmp_path: Path) -> None:
    broken = '<row r="9"><c t="str"><v>b</v></c><c t="str"><v>Cup</v></c><c t="str"><v>Home</v></c>'
    broken += '<c/><c t="e"><v>#DIV/0!</v></c></row>'
    (tmp_path / "products.xlsx").write_bytes(workbook(products(2) + broken))
    report = summarize(import_products(tmp_path / "products.xlsx"))
    assert report.counts == {"created": 2, "failed": 1}
    (failure,) = report.failures
    assert (failure.line, failure.sku) == (9, "b")
    assert failure.reason == "Cell E9 has the error #DIV/0!."
