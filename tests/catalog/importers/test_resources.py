import csv
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.test import Client

from catalog.importers import import_products, summarize
from catalog.importers.formats.products import escape_formula
from catalog.importers.formats.reading import text_of
from catalog.models import Category, Product, ProductPhoto
from tests.catalog.admin.files import CSV, XLSX, counts, export, preview, upload
from tests.conftest import MakeProduct, Picture

FULL = ["id", "name", "category", "image_url", "price", "currency", "link", "active", "group"]
FULL += ["availability", "brand", "sale_price", "attributes", "additional_image_url"]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "'=1+1", "''-1", "'quoted'", "plain", "a=b"]
FORMULAS += ["R&amp;D", "&amp;amp;", "=&lt;", "a & b"]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("text", FORMULAS)
def test_escaped_text_is_inert_and_comes_back(text: str) -> None:
    assert escape_formula(text)[0] not in "=+-@"
    assert text_of(escape_formula(text)) == text


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_export_survives_a_round_trip(
    admin_client: Client, make_product: MakeProduct, kind: str
) -> None:
    for number, name in enumerate(FORMULAS):
        make_product(name, sku=f"{name}{number}", category="=cmd|' /C calc'!A0", price="12.50")
    make_product("Mug", currency="EUR", link="https://shop.example/1", active=False)
    full = make_product(
        "Cup",
        brand="=R&amp;D",
        group="-mugs",
        availability="backorder",
        sale_price="7.50",
        attributes={"größe": '"=M"; a=b', "r&amp;d": "&quot;"},
        image_url="https://shop.example/1.jpg",
    )
    photos = ["https://shop.example/3.jpg?a=1,2", "https://shop.example/2.jpg"]
    for position, address in enumerate([*photos, ""]):
        full.photos.create(image_url=address, position=position)
    columns = ("sku", "name", "category__name", "price", "currency", "link", "active", "group")
    columns += ("availability", "brand", "sale_price", "attributes", "image_url")
    before = list(Product.objects.values_list(*columns))
    data = export(admin_client, kind)
    assert counts(preview(admin_client, data)) == {"unchanged": len(before)}
    Product.objects.all().delete()
    Category.objects.all().delete()
    upload(admin_client, data)
    assert list(Product.objects.values_list(*columns)) == before
    kept = Product.objects.get(name="Cup").photos.values_list("image_url", flat=True)
    assert list(kept) == photos


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_photos_that_fit_no_cell_are_left_as_they_are(
    admin_client: Client, make_product: MakeProduct, kind: str
) -> None:
    mug = make_product()
    addresses = [f"https://shop.example/{number:0200}.jpg" for number in range(249)]
    mug.photos.bulk_create(ProductPhoto(product=mug, image_url=each) for each in addresses)
    data = export(admin_client, kind)
    assert counts(preview(admin_client, data)) == {"unchanged": 1}


def test_exported_csv_has_the_columns_of_a_catalog_file_and_no_formula(
    admin_client: Client, make_product: MakeProduct, tmp_path: Path
) -> None:
    make_product("=1+1", sku="m1")
    data = export(admin_client)
    header, row = csv.reader(data.decode("utf-8-sig").splitlines())
    assert header == FULL
    assert row == [
        "m1",
        "'=1+1",
        "Home",
        "",
        "9.99",
        "USD",
        "",
        "1",
        "",
        "in_stock",
        "",
        "",
        "",
        "",
    ]
    (tmp_path / "products.csv").write_bytes(data)
    assert summarize(import_products(tmp_path / "products.csv")).counts == {"unchanged": 1}


def test_exported_spreadsheet_has_numbers_and_no_formula(
    admin_client: Client, make_product: MakeProduct
) -> None:
    make_product("=1+1", sku="m1")
    sheet = openpyxl.load_workbook(BytesIO(export(admin_client, XLSX))).active
    assert "f" not in {cell.data_type for row in sheet.rows for cell in row}
    assert sheet.cell(2, 5).value == 9.99


def test_export_reads_no_vectors_and_asks_once(
    admin_client: Client,
    make_product: MakeProduct,
    picture: Picture,
    django_assert_max_num_queries: Any,
) -> None:
    make_product("Broken", image=picture(1))
    for _ in range(30):
        make_product()
    with django_assert_max_num_queries(6) as queries:
        export(admin_client)
    read = [query["sql"] for query in queries.captured_queries if "catalog_product" in query["sql"]]
    assert len(read) == 2, "products and photos"
    assert not re.search(r'"embedding"', "".join(read))


def test_export_keeps_to_the_filters_of_the_list(
    admin_client: Client, make_product: MakeProduct
) -> None:
    make_product("Mug", sku="m1")
    make_product("Cup", sku="c1")
    assert b"m1" not in export(admin_client, query="q=cup")


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_export_survives_control_characters(
    admin_client: Client, make_product: MakeProduct, kind: str
) -> None:
    Product.objects.filter(pk=make_product().pk).update(name="M\x07ug\x1b")
    data = export(admin_client, kind)
    Product.objects.all().delete()
    upload(admin_client, data)
    assert Product.objects.get().name == "M\N{REPLACEMENT CHARACTER}ug\N{REPLACEMENT CHARACTER}"
