"""Builds XLSX files by hand: those that no library would write."""

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
HEADER = ("id", "name", "category", "image_url", "price")


def workbook(
    sheet: str,
    *,
    strings: str | None = None,
    styles: str = "",
    book: str = "",
    others: dict[str, bytes] | None = None,
) -> bytes:
    """An XLSX file of one sheet, from the XML of its rows, of its strings and of its styles."""
    related = f'<Relationships xmlns="{PACKAGE}">{{}}</Relationships>'
    link = f'<Relationship Id="{{}}" Type="{OFFICE}/{{}}" Target="{{}}"/>'
    book = book or '<sheets><sheet name="Products" sheetId="1" r:id="r1"/></sheets>'
    kind = f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}"/>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{TYPES}">{kind}</Types>',
        "_rels/.rels": related.format(link.format("r1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{book}</workbook>',
        "xl/_rels/workbook.xml.rels": related.format(
            link.format("r1", "worksheet", "worksheets/sheet1.xml")
            + link.format("r2", "worksheet", "worksheets/sheet2.xml")
            + link.format("r3", "sharedStrings", "sharedStrings.xml")
            + (link.format("r4", "styles", "/xl/styles.xml") if styles else "")
        ),
        "xl/worksheets/sheet1.xml": whole_sheet(sheet),
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings or ""}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
    }
    output = BytesIO()
    with ZipFile(output, "w", ZIP_DEFLATED) as archive:
        for name, data in ({**parts, **(others or {})}).items():
            archive.writestr(name, data)
    return output.getvalue()


def whole_sheet(rows: str) -> str:
    """The part of a sheet."""
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def row(number: int, *texts: str) -> str:
    """A row of inline strings."""
    cells = (f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in texts)
    return f'<row r="{number}">{"".join(cells)}</row>'


def products(count: int = 1) -> str:
    """The header and some products."""
    rows = (row(n + 2, f"m{n}", "Mug", "Home", "", "9.99") for n in range(count))
    return row(1, *HEADER) + "".join(rows)
