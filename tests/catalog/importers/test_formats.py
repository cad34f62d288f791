"""How files are recognized, and what all formats have in common."""

from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from catalog.importers import (
    InvalidCatalogFile,
    Options,
    import_products,
    read_table,
    recognize,
    summarize,
)
from catalog.importers.formats import FORMATS, Row
from catalog.importers.formats.contract import Draft, Format
from catalog.importers.formats.reading import Rules, without_tags

HEADER = "id,name,category,image_url,price"


def rows(text: str, **options: Any) -> list[Row]:
    return list(recognize(read_table(BytesIO(text.encode())), Options.of(**options)))


def test_columns_that_somebody_named_count() -> None:
    text = "Artikel;Nom;category;image_url;Prix;price\n1;Tasse;Home;;9,90;1\n"
    named = ["id=artikel", "name=Nom", "price=PRIX"]
    assert rows(text, columns=named)[0].values["price"] == Decimal("9.90")
    file = recognize(read_table(BytesIO(text.encode())), Options.of(columns=named))
    assert file.headers(used=False) == ["price"]
    assert file.headers(used=True) == ["Artikel", "Nom", "category", "image_url", "Prix"]


@pytest.mark.parametrize(
    ("header", "field", "cell", "value"),
    [
        ("id,title,link,image_link", "category", "Cups", "Cups"),
        ("id,title,link,image_link", "attributes", "size=M", {"size": "M"}),
        ("sku,product_type,name,base_image", "availability", "no", "out_of_stock"),
        ("sku,product_type,name,base_image", "photos", "//a.example/b", ["https://a.example/b"]),
        ("Handle,Title,Type,Image Src", "category", "Cups", "Cups"),
        (f"{HEADER},image_link", "additional_image_url", "//a.example/b", ["https://a.example/b"]),
    ],
)
def test_column_that_somebody_chose_takes_precedence(
    header: str, field: str, cell: str, value: object
) -> None:
    names = header.split(",")
    price = [] if "price" in names else ["price"]
    cells = {"image_url": "", "price": "5", "type": "a", "product_type": "simple"}
    row = [cells.get(name, f"//a.example/{place}") for place, name in enumerate([*names, *price])]
    text = "\n".join([",".join([*names, *price, "mine"]), ",".join([*row, cell])])
    (found,) = rows(text, columns=[f"{field}=Mine"])
    assert found.values[{"additional_image_url": "photos"}.get(field, field)] == value


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"columns": ["name=Nom"]}, "The header has no column 'Nom'. It has: id, name"),
        ({"columns": ["nom=name"]}, "There is no field 'nom'. The fields are: id, name"),
        ({"columns": ["name"]}, "'name' names no column. Write FIELD=HEADER"),
        ({"format": "excel"}, "There is no format 'excel'. Use one of: products"),
        ({"currency": "DEM"}, "'DEM' is no currency"),
        ({"base_url": "shop"}, "Give an http"),
    ],
)
def test_says_which_option_is_wrong(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidCatalogFile, match=sentence):
        rows(f"{HEADER}\n1,Mug,Home,,5\n", **options)


def test_currency_and_address_of_the_shop_are_used_where_the_file_has_none() -> None:
    lines = [HEADER, "1,Mug,Home,/a.jpg,5", "2,Cup,Home,http://a.example/b.jpg,$ 6"]
    found = rows("\n".join(lines), currency="AUD", base_url="https://shop.example/de")
    assert [row.values["currency"] for row in found] == ["AUD", "AUD"]
    pictures = [row.values["image_url"] for row in found]
    assert pictures == ["https://shop.example/a.jpg", "http://a.example/b.jpg"]


@pytest.fixture
def format_of_two_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format in which the photos of a product follow in rows of their own."""

    def products(drafts: Any) -> Iterator[Draft]:
        photos = {draft["of"]: draft["picture"] for draft in drafts}
        for draft in drafts:
            if not draft["of"]:
                numbers = draft.numbered("sizes")
                attributes = {"size": "/".join(numbers.values())}
                yield draft.but(photos=[photos[draft["sku"]]], attributes=attributes)

    columns = {"sku": ("No.",), "name": ("Title",), "price": ("Cost",), "brand": ("Maker",)}
    more = {"of": ("Of",), "picture": ("Picture",), "sizes": ("Size [#]",)}
    format_ = Format("Twos", {**columns, **more}, ("sku", "of"), products)
    monkeypatch.setitem(FORMATS, "twos", format_)  # type: ignore[arg-type]


@pytest.mark.usefixtures("format_of_two_rows")
def test_product_may_be_made_of_several_rows() -> None:
    header = "No.\tTitle\tCost\tMaker\tOf\tPicture\tSize [2]\tsize-[1]"
    one, two = "a\t<b>Mug</b>\t5\t\t\t\tM\tS", "\t\t\t\ta\t//a.example/1.jpg\t\t"
    (row,) = rows(f"{header}\n{two}\n{one}\n")
    assert (row.line, row.sku, row.values["name"]) == (3, "a", "Mug")
    assert row.values["image_url"] == "https://a.example/1.jpg"
    assert (row.values["photos"], row.values["brand"]) == ([], "")
    assert row.values["attributes"] == {"size": "S/M"}
    assert row.values["category"] == "Uncategorised"


def test_picture_without_a_host_needs_the_shop_s_address() -> None:
    texts = {"sku": "1", "name": "Mug", "price": "5", "photos": ["/a.jpg"]}
    assert "Give the shop's address (base URL)" in Rules().row(Draft(2, texts)).error
    values = Rules(base_url="https://a.example").row(Draft(2, texts)).values
    assert values["image_url"] == "https://a.example/a.jpg"


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("<p>Mug<br/>blue</p>", "Mug blue"),
        ("&lt;b&gt;Mug&lt;/b&gt; &amp; cup", "Mug & cup"),
        ("Cable <2 m & more>", "Cable <2 m & more>"),
        ("5<b>0</b>", "50"),
    ],
)
def test_tags_are_dropped_and_other_brackets_are_not(text: str, bare: str) -> None:
    assert without_tags(text) == bare


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["", "https://shop.example"])
def test_products_without_a_link_for_want_of_the_shop_s_address_are_told(
    address: str, tmp_path: Path
) -> None:
    path = tmp_path / "export.csv"
    path.write_text("Handle,Title,Variant Price\nmug,Mug,5\ncup,Cup,4\n")
    options = Options.of(currency="EUR", base_url=address)
    report = summarize(import_products(path, options=options, dry_run=True))
    assert report.counts["created"] == 2
    told = [note.reason for note in report.notes if "2 products have no link" in note.reason]
    assert bool(told) == (not address)
