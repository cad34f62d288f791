import csv
import tracemalloc
from io import BytesIO
from time import process_time

import pytest

from catalog.importers.tables import MAX_LINE, InvalidCatalogFile, Record, Table, open_table

HEADER = "id,name,price"


def table(text: str | bytes) -> Table:
    return open_table(BytesIO(text.encode() if isinstance(text, str) else text))


def cells(text: str | bytes) -> list[tuple[str, ...]]:
    rows = list(table(text))
    assert not any(row.error for row in rows), rows
    return [row.cells for row in rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "~"])
def test_finds_the_delimiter(delimiter: str) -> None:
    text = 'id,name,price\n1,"Mug, blue; 5|6~7",5\n'
    text = delimiter.join(text.splitlines()[0].split(",")) + f"\n1{delimiter}"
    text += f'"Mug, blue; 5|6~7"{delimiter}5\n'
    assert table(text).delimiter == delimiter
    assert cells(text) == [("1", "Mug, blue; 5|6~7", "5")]


def test_finds_the_delimiter_outside_quotes() -> None:
    assert table('a;"GTIN, UPC, EAN, or ISBN";b\n').delimiter == ";"


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;", "\ufeffsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_takes_the_delimiter_that_the_first_line_names(first: str, end: str) -> None:
    text = end.join([first, "id;name, that is, title", "1;Mug", ""])
    assert table(text).header == ("id", "name, that is, title")
    assert list(table(text)) == [Record(3, 3, ("1", "Mug"))]


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16-LE"),
        ("utf-16-be", "UTF-16-BE"),
        ("utf-32", "UTF-32"),
        ("cp1252", "Windows-1252"),
        ("latin-1", "Windows-1252"),
    ],
)
def test_finds_the_encoding(codec: str, name: str) -> None:
    text = "id,name\n1,Café à la crème\n"
    assert table(text.encode(codec)).encoding == name
    assert cells(text.encode(codec)) == [("1", "Café à la crème")]


def test_big_endian_mark_is_understood() -> None:
    assert cells(b"\xfe\xff" + "id,name\n1,é\n".encode("utf-16-be")) == [("1", "é")]


def test_letter_far_down_decides_for_the_whole_file() -> None:
    rows = "".join(f"{n},Mug {'x' * 100}\n" for n in range(30_000))
    one = f"id,name\n{rows}last,".encode()
    assert table(one + "é\n".encode()).encoding == "UTF-8"
    assert table(one + b"\xe9\n").encoding == "Windows-1252"


def test_few_bad_bytes_do_not_make_a_file_windows_1252() -> None:
    text = "id,name\n1,Thé vert à la crème\n2,".encode() + b"Caf\xe9\n"
    assert table(text).encoding == "UTF-8"
    assert [row.cells for row in table(text)][1] == ("2", "Caf\udce9")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_takes_every_kind_of_line_end(end: str) -> None:
    text = end.join([HEADER, "1,Mug,5", f'2,"Cup{end}blue",6', "3,Pot,7"])
    assert [(row.line, row.end) for row in table(text)] == [(2, 2), (3, 4), (5, 5)]
    assert cells(text)[1] == ("2", f"Cup{end}blue", "6")


def test_skips_rows_without_text_also_before_the_header() -> None:
    text = f"\n,,\n{HEADER}\n\n,,\n , ,\n1,Mug,5\n;\n,,,,,,\n"
    rows = list(table(text))
    assert [row.line for row in rows] == [7, 8]
    assert rows[1].cells == (";",)


def test_takes_short_rows_and_long_ones_without_text_beyond_the_header() -> None:
    assert cells(f"{HEADER},,\n1\n2,Mug,5,,, ,\n") == [("1",), ("2", "Mug", "5")]


def test_says_how_many_values_a_long_row_has() -> None:
    (row,) = table(f"{HEADER}\n1,Mug,5,6\n")
    assert str(row.error) == (
        "The row has 4 values, but the header has 3. A value that contains ',' must be in quotes."
    )


def test_spaces_before_a_quote_do_no_harm() -> None:
    assert cells(f'{HEADER}\n1, "Mug, blue", 5\n') == [("1", "Mug, blue", "5")]


def test_quotes_inside_a_value_are_inches() -> None:
    assert cells(f'{HEADER}\n1,7" tablet,5\n2,"7"" tablet",5\n') == [
        ("1", '7" tablet', "5"),
        ("2", '7" tablet', "5"),
    ]


def test_quote_that_is_never_closed_names_its_line_and_what_is_lost() -> None:
    rows = list(table(f'{HEADER}\n1,Mug,5\n2,"Lamp,5\n3,Cup,5\n4,Pot,5\n'))
    assert [str(row.error or "") for row in rows] == [
        "",
        "A quote that opens in line 3 is not closed. Lines 3 to 5 (3 lines) are lost.",
    ]
    assert rows[1].line == 3


def test_quote_that_a_later_row_closes_names_its_line_and_the_rest_is_read() -> None:
    rows = list(table(f'{HEADER}\n1,"Mug\nblue","Lamp\n2,Cup,5\n3,"Pot",5\n4,Pan,5\n'))
    assert str(rows[0].error) == (
        "A quote that opens in line 3 is not closed. Lines 2 to 5 (4 lines) are lost."
    )
    assert [row.cells for row in rows[1:]] == [("4", "Pan", "5")]


def test_quote_that_is_not_doubled_fails_its_row_alone() -> None:
    rows = list(table(f'{HEADER}\n1,"7" tablet",5\n2,Cup,5\n'))
    assert "write quotes twice" in str(rows[0].error)
    assert rows[1].cells == ("2", "Cup", "5")


def test_open_quote_ends_where_a_value_may_end() -> None:
    """Otherwise one quote would take the rest of a long file."""
    many = "".join(f"{n},Cup,5\n" for n in range(50_000))
    failed, *others = table(f'{HEADER}\n1,"Lamp,5\n{many}')
    assert "opens in line 2 is not closed" in str(failed.error)
    assert len(others) > 30_000
    assert failed.end + len(others) == 50_002, "no line is missed"


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\xd0\xcf\x11\xe0rest", "old Excel"),
        (b"\x1f\x8brest", "compressed"),
        (b"%PDF-1.7", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"SQLite format 3\x00\x10\x00", "This is not a table"),
        (b"ID3\x04\x00", "This is not a table"),
        (b"\n <!DOCTYPE html>", "HTML"),
        (b'{"a": 1}', "JSON"),
        (b"", "empty"),
        (b"\n,,\n", "empty"),
        (b"sep=;\n", "empty"),
    ],
)
def test_refuses_other_files_with_a_sentence(start: bytes, kind: str) -> None:
    with pytest.raises(InvalidCatalogFile, match=kind):
        table(start)


HOSTILE = {
    "a million columns": ("a," * 999_999, "1 columns; the maximum is 5,000|longer than"),
    "many columns": ("a," * 5_001, "5,001 columns; the maximum is 5,000"),
    "an endless line": ("a" * 3_000_000, "longer than"),
    "a line of delimiters": ("," * 3_000_000, "longer than"),
    "an endless value": ('"' + "a,\n" * 1_000_000, "not closed"),
    "an endless row": ('"a\n",' * 400_000, "longer than"),
    "quotes": ('"' * 2_999_999, "longer than"),
    "NULs": ("\x00" * 3_000_000, "This is not a table"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_refuses_hostile_headers(kind: str) -> None:
    text, reason = HOSTILE[kind]
    with pytest.raises(InvalidCatalogFile, match=reason):
        table(text)


@pytest.mark.parametrize("line", ["x", "x,", '"x', "\x00"])
def test_cost_of_a_file_does_not_grow_with_its_lines(line: str) -> None:
    file = BytesIO(f"{HEADER}\n{line * 15_000_000}\n2,Cup,5\n".encode())
    started = process_time()
    tracemalloc.start()
    try:
        assert [bool(row.error) for row in open_table(file)] == [True, False]
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()
    assert process_time() - started < 20


def test_excel_s_sixteen_thousand_empty_columns_do_no_harm() -> None:
    more = "," * 16_381
    assert cells(f"{HEADER}{more}\n1,Mug,5{more}\n") == [("1", "Mug", "5")]


def test_line_that_is_too_long_fails_alone() -> None:
    rows = list(table(f"{HEADER}\n1,{'x' * (3 * MAX_LINE)},5\n2,Cup,5\n"))
    assert str(rows[0].error) == "Line 2 is longer than 1,000,000 characters."
    assert rows[1] == Record(3, 3, ("2", "Cup", "5"))


def test_value_that_is_too_long_fails_alone() -> None:
    rows = list(table(f"{HEADER}\n1,{'x' * 200_000},5\n2,Cup,5\n"))
    assert "more than 131,072 characters" in str(rows[0].error)
    assert rows[1].cells == ("2", "Cup", "5")
    assert csv.field_size_limit() == 131_072, "the limit that the sentence names"


def test_row_of_endless_lines_fails_in_pieces() -> None:
    values = '"a\n",' * 210_000
    rows = list(table(f"{HEADER}\n1,{values}5\n2,Cup,5\n"))
    assert "The row that begins in line 2 is longer" in str(rows[0].error)


def test_is_read_as_often_as_one_likes_and_leaves_the_file_open() -> None:
    file = BytesIO(f"{HEADER}\n1,Mug,5\n".encode())
    once = open_table(file)
    assert next(iter(once)) == next(iter(once)) == Record(2, 2, ("1", "Mug", "5"))
    assert not file.closed
