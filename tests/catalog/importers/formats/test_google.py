"""Feeds for Google Merchant Center and Meta."""

from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from catalog.importers import (
    Options,
    TruncatedFile,
    import_products,
    read_table,
    recognize,
    summarize,
)
from catalog.importers.formats import Row
from catalog.models import Product
from tests.catalog.admin.files import xlsx_file

HEADER = ["id", "title", "link", "image_link", "price"]
MUG = ["G-1", "Mug", "https://a.example/1", "https://a.example/1.jpg", "5.00 EUR"]
XML = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><g:id>G-1</g:id><title>Mug &amp;amp; &lt;b&gt;cup&lt;/b&gt;</title>
  <link>https://a.example/1</link><g:image_link>https://a.example/1.jpg</g:image_link>
  <g:additional_image_link>https://a.example/2.jpg</g:additional_image_link>
  <g:additional_image_link>https://a.example/3,4.jpg</g:additional_image_link>
  <g:price>1.024,00 EUR</g:price><g:sale_price>999,00 EUR</g:sale_price>
  <g:availability>out of stock</g:availability><g:brand>Own</g:brand>
  <g:product_type>Home &gt; Kitchen</g:product_type><g:product_type>New</g:product_type>
  <g:google_product_category>2169</g:google_product_category>
  <g:item_group_id>MUGS</g:item_group_id><g:color>red</g:color><g:size>L</g:size></item>
<item><g:id>G-2</g:id><title>Cup</title><g:image_link>https://a.example/5.jpg</g:image_link>
  <g:price>7,00 EUR</g:price>
  <g:google_product_category>2169 - Home &gt; Cups</g:google_product_category></item>
</channel></rss>"""


def rows(header: list[str], *cells: list[str], delimiter: str = "\t", **options: Any) -> list[Row]:
    lines = (delimiter.join(each) for each in (header, *cells))
    table = read_table(BytesIO("\n".join(lines).encode()))
    file = recognize(table, Options.of(**options))
    assert file.key == "google"
    return list(file)


def test_reads_all_that_a_feed_says() -> None:
    file = recognize(read_table(BytesIO(XML.encode())))
    assert file.key == "google"
    assert file.headers(used=False) == []
    one, two = file
    assert one.values == {
        "sku": "G-1",
        "name": "Mug & cup",
        "link": "https://a.example/1",
        "image_url": "https://a.example/1.jpg",
        "photos": ["https://a.example/2.jpg", "https://a.example/3,4.jpg"],
        "price": Decimal("1024.00"),
        "sale_price": Decimal("999.00"),
        "currency": "EUR",
        "availability": "out_of_stock",
        "brand": "Own",
        "category": "Home > Kitchen",
        "group": "MUGS",
        "attributes": {"colour": "red", "size": "L"},
    }
    assert two.values == {
        "sku": "G-2",
        "name": "Cup",
        "image_url": "https://a.example/5.jpg",
        "photos": [],
        "price": Decimal("7.00"),
        "currency": "EUR",
        "category": "Home > Cups",
        "sale_price": None,
        "brand": "",
        "group": "",
        "attributes": {},
    }


@pytest.mark.parametrize("delimiter", ["\t", ",", "|", "~"])
def test_reads_delimited_text_with_any_spelling_of_its_header(delimiter: str) -> None:
    header = ["ID", "g:title", "Link", "image link", "price", "additional image link"]
    more = '"https://a.example/2%2C3.jpg,https://a.example/4.jpg"'
    (row,) = rows(header, [*MUG, more], delimiter=delimiter)
    assert row.values["photos"] == ["https://a.example/2%2C3.jpg", "https://a.example/4.jpg"]
    assert "availability" not in row.values, "absent is not sold out"
    assert "attributes" not in row.values
    assert "group" not in row.values


def test_reads_what_meta_has_of_its_own() -> None:
    comment = ["# Required | A unique ID", "# Required | The title"]
    header = ["id", "title", "availability", "price", "image[1].url", "image[0].url"]
    header += ["visibility", "status"]
    pictures = ["https://a.example/2.jpg", "https://a.example/1.jpg"]
    lines = [["M-1", "Mug", "available for order", "$5", *pictures, "hidden", ""]]
    lines += [["M-2", "Cup", "preorder", "5.00", *pictures, "published", "active"]]
    lines += [["M-3", "Jug", "preorder", "5.00", *pictures, "published", "archived"]]
    one, two, three = rows(comment, header, *lines, delimiter=",", currency="AUD")
    assert (one.values["image_url"], one.values["photos"]) == (pictures[1], pictures[:1])
    assert (one.values["availability"], one.values["active"]) == ("in_stock", False)
    assert (two.values["availability"], two.values["active"]) == ("preorder", True)
    assert not three.values["active"]
    assert (one.values["currency"], two.values["currency"]) == ("AUD", "AUD")


@pytest.mark.parametrize(
    ("dates", "price"),
    [
        ("2020-01-01T00:00+0100/2020-02-01T00:00+0100", None),
        ("2020-01-01T00:00Z / 2999-02-01T00:00Z", Decimal("4.00")),
        ("2999-01-01/2999-02-01", None),
        ("this week", Decimal("4.00")),
        ("", Decimal("4.00")),
    ],
)
def test_sale_price_counts_during_the_sale(dates: str, price: Decimal | None) -> None:
    header = [*HEADER, "sale_price", "sale price effective date"]
    (row,) = rows(header, [*MUG, "4.00 EUR", dates])
    assert row.values["sale_price"] == price


def test_reads_spreadsheets_of_the_same_columns() -> None:
    comment = ["# Required | A unique ID"]
    table = read_table(BytesIO(xlsx_file(HEADER, [*MUG[:4], 5.5], header=comment)))
    (row,) = recognize(table, Options(currency="EUR"))
    assert row.line == 3
    assert (row.values["price"], row.values["currency"]) == (Decimal("5.50"), "EUR")


@pytest.mark.django_db
def test_second_import_changes_nothing_and_a_feed_that_is_cut_says_so(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_text(XML)
    assert summarize(import_products(path)).counts == {"created": 2}
    assert summarize(import_products(path)).counts == {"unchanged": 2}
    product = Product.objects.get(sku="G-1")
    assert [photo.image_url[-7:] for photo in product.photos.all()] == ["e/2.jpg", "3,4.jpg"]
    path.write_text(XML.replace("7,00 EUR", "8,00 EUR").removesuffix("</channel></rss>"))
    results = import_products(path)
    assert [next(results).status for _ in range(2)] == ["unchanged", "updated"]
    with pytest.raises(TruncatedFile, match="before its last tag is closed"):
        next(results)
