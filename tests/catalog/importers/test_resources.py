import csv
import re
from collections.abc import Callable
from io import BytesIO, StringIO
from itertools import chain
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tablib import Dataset

from catalog import tasks
from catalog.importers import import_products, summarize
from catalog.importers.products_csv import escape_formula, text_of
from catalog.importers.resources import ProductResource
from catalog.models import Category, EmbeddingStatus, Product
from catalog.pictures.stored import sha256
from tests.catalog.local_servers import http, running_servers
from tests.conftest import MakeProduct, Picture

LIST = "/admin/catalog/product/"
HEADER = ["id", "name", "category", "image_url", "price"]
FULL = [*HEADER, "currency", "link", "active"]
CSV, XLSX = "0", "1"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "'=1+1", "''-1", "'quoted'", "plain", "a=b"]

pytestmark = pytest.mark.django_db


def csv_file(*rows: list[str], header: list[str] = HEADER) -> bytes:
    text = StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def xlsx_file(*rows: list[object], header: list[str] = HEADER) -> bytes:
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(row)
    output = BytesIO()
    book.save(output)
    return output.getvalue()


def preview(client: Client, data: bytes, kind: str = CSV) -> Any:
    upload = SimpleUploadedFile(f"products.{'csv' if kind == CSV else 'xlsx'}", data)
    return client.post(f"{LIST}import/", {"import_file": upload, "format": kind})


def confirm(client: Client, page: Any) -> Any:
    return client.post(f"{LIST}process_import/", page.context["confirm_form"].initial, follow=True)


def upload(client: Client, data: bytes, kind: str = CSV) -> str:
    """Import a file by both steps; the page after it as text."""
    text: str = confirm(client, preview(client, data, kind)).content.decode()
    return text


def export(client: Client, kind: str = CSV, query: str = "") -> bytes:
    columns = dict.fromkeys(f"productresource_{name}" for name in ProductResource.Meta.fields)
    form = {"format": kind, "resource": "0"} | dict.fromkeys(columns, "on")
    response = client.post(f"{LIST}export/?{query}", form)
    assert response.status_code == 200
    content: bytes = response.content
    return content


def reasons(page: Any) -> list[str]:
    result = page.context["result"]
    return [" ".join(chain(*row.error_dict.values())) for row in result.invalid_rows]


@pytest.mark.parametrize(("kind", "build"), [(CSV, csv_file), (XLSX, xlsx_file)])
def test_imports_a_file_after_a_preview(
    admin_client: Client, kind: str, build: Callable[..., bytes]
) -> None:
    data = build(["m1", "Mug", "Home", "", "9.99"], ["17", "Cup", "Kitchen", "", "5"])
    page = preview(admin_client, data, kind)
    assert "Mug" in page.content.decode()
    assert not Product.objects.exists(), "a preview changes nothing"
    assert not Category.objects.exists()
    assert "2 new" in confirm(admin_client, page).content.decode()
    assert set(Product.objects.values_list("sku", "name", "category__name")) == {
        ("m1", "Mug", "Home"),
        ("17", "Cup", "Kitchen"),
    }


def test_cells_of_a_spreadsheet_may_be_numbers(admin_client: Client) -> None:
    header = [*HEADER, "active"]
    upload(admin_client, xlsx_file([17.0, 1984, "Books", None, 9.9, True], header=header), XLSX)
    product = Product.objects.get()
    assert (product.sku, product.name, str(product.price)) == ("17", "1984", "9.90")


def test_empty_rows_at_the_end_of_a_spreadsheet_do_no_harm(admin_client: Client) -> None:
    rows = ["m1", "Mug", "Home", "", 5], [None] * 5, [" ", *[None] * 4]
    assert "1 new" in upload(admin_client, xlsx_file(*rows), XLSX)


def test_rows_are_matched_by_sku_and_unchanged_ones_are_skipped(
    admin_client: Client, make_product: MakeProduct
) -> None:
    make_product("Mug", sku="m1")
    before = make_product("Cup", sku="c1")
    said = upload(
        admin_client,
        csv_file(["m1", "Big Mug", "Home", "", "9.99"], ["c1", "Cup", "Home", "", "9.99"]),
    )
    assert "0 new, 1 updated, 0 deleted and 1 skipped" in said
    assert Product.objects.get(sku="m1").name == "Big Mug"
    assert Product.objects.get(sku="c1").updated_at == before.updated_at


BAD_ROWS = {
    "a price that is no number": (["b", "Cup", "Home", "", "cheap"], "'cheap' is not a number"),
    "a negative price": (["b", "Cup", "Home", "", "-4"], "greater than or equal to 0"),
    "no name": (["b", "", "Home", "", "4"], "name must not be empty"),
    "a name too long": (["b", "C" * 201, "Home", "", "4"], "at most 200 characters"),
    "control characters": (["b", "C\x07p", "Home", "", "4"], "control characters"),
    "the same product twice": (["m1", "Cup", "Home", "", "4"], "more than once"),
    "a path that is not there": (["b", "Cup", "Home", "a.jpg", "4"], "no file a.jpg in the media"),
    "a path out of the media folder": (["b", "Cup", "Home", "../a.jpg", "4"], "There is no file"),
    "a path from the root": (["b", "Cup", "Home", "/etc/passwd", "4"], "There is no file"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_preview_tells_what_is_wrong_with_a_row_and_imports_nothing(
    admin_client: Client, kind: str, settings: Any, picture: Picture
) -> None:
    media = Path(settings.MEDIA_ROOT)
    media.mkdir()
    (media.parent / "a.jpg").write_bytes(picture(1))
    row, reason = BAD_ROWS[kind]
    page = preview(admin_client, csv_file(["m1", "Mug", "Home", "", "9.99"], row))
    assert [reason in said for said in reasons(page)] == [True], reasons(page)
    assert reason.replace("'", "&#x27;") in page.content.decode()
    assert "confirm_form" not in page.context
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (["id", "name"], "The header lacks category, image_url, price."),
        ([*HEADER, "id"], "The header has id more than once."),
    ],
)
def test_wrong_header_is_told_once(admin_client: Client, header: list[str], reason: str) -> None:
    page = preview(admin_client, csv_file(["m1"] * len(header), header=header))
    (error,) = page.context["result"].base_errors
    assert str(error.error).startswith(reason)
    assert not page.context["result"].rows


def test_file_that_is_too_long_for_a_request_names_the_command(admin_client: Client) -> None:
    rows = (["m", "Mug", "Home", "", "1"] for _ in range(2001))
    page = preview(admin_client, csv_file(*rows))
    assert "import_products" in page.content.decode()


def test_file_that_is_no_spreadsheet_is_told(admin_client: Client) -> None:
    page = preview(admin_client, b"PK\x03\x04 not really", XLSX)
    assert page.status_code == 200
    assert page.context["form"].errors["import_file"]


def test_what_went_wrong_after_the_preview_imports_nothing_and_says_so(
    admin_client: Client, settings: Any, picture: Picture
) -> None:
    media = Path(settings.MEDIA_ROOT)
    media.mkdir()
    (media / "a.jpg").write_bytes(picture(1))
    rows = ["m1", "Mug", "Home", "", "1"], ["m2", "Cup", "Home", "a.jpg", "1"]
    page = preview(admin_client, csv_file(*rows))
    (media / "a.jpg").unlink()
    assert "Nothing was imported" in confirm(admin_client, page).content.decode()
    assert not Product.objects.exists()


def test_picture_in_the_media_folder_is_stored_after_the_preview_only(
    admin_client: Client, settings: Any, picture: Picture, django_capture_on_commit_callbacks: Any
) -> None:
    media = Path(settings.MEDIA_ROOT)
    media.mkdir()
    (media / "a.jpg").write_bytes(picture(1))
    page = preview(admin_client, csv_file(["m1", "Mug", "Home", "a.jpg", "1"]))
    assert [path.name for path in media.rglob("*.*")] == ["a.jpg"]
    with django_capture_on_commit_callbacks(execute=True):
        confirm(admin_client, page)
    product = Product.objects.get()
    assert product.image_source_digest == sha256(picture(1))
    assert product.embedding_status == EmbeddingStatus.READY


def test_addresses_are_fetched_by_one_task_after_the_import(
    admin_client: Client,
    settings: Any,
    picture: Picture,
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    fetch = tasks.fetch.delay

    def ask(model: str, ids: list[int]) -> None:
        asked.append(len(ids))
        fetch(model, ids)

    monkeypatch.setattr(tasks.fetch, "delay", ask)
    with running_servers() as serve:
        server = serve(http(picture(1)))
        settings.FETCH_ALLOWED_HOSTS = [server.host]
        rows = ([f"m{n}", "Mug", "Home", f"{server.url}?{n}", "1"] for n in range(12))
        with django_capture_on_commit_callbacks(execute=True):
            page = preview(admin_client, csv_file(*rows))
        assert asked == []
        with django_capture_on_commit_callbacks(execute=True):
            confirm(admin_client, page)
    assert asked == [12]
    assert Product.objects.filter(embedding_status=EmbeddingStatus.READY).count() == 12


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
    columns = ("sku", "name", "category__name", "price", "currency", "link", "active")
    before = list(Product.objects.values_list(*columns))
    data = export(admin_client, kind)
    page = preview(admin_client, data, kind)
    totals = page.context["result"].totals
    assert (totals["skip"], totals["new"], totals["update"]) == (len(before), 0, 0)
    Product.objects.all().delete()
    Category.objects.all().delete()
    upload(admin_client, data, kind)
    assert list(Product.objects.values_list(*columns)) == before


def test_exported_csv_has_the_columns_of_a_catalog_file_and_no_formula(
    admin_client: Client, make_product: MakeProduct, tmp_path: Path
) -> None:
    make_product("=1+1", sku="m1")
    data = export(admin_client)
    header, row = csv.reader(data.decode("utf-8-sig").splitlines())
    assert header == FULL
    assert row == ["m1", "'=1+1", "Home", "", "9.99", "USD", "", "1"]
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
    assert len(read) == 1
    assert not re.search(r'"embedding"', read[0])


def test_export_keeps_to_the_filters_of_the_list(
    admin_client: Client, make_product: MakeProduct
) -> None:
    make_product("Mug", sku="m1")
    make_product("Cup", sku="c1")
    assert b"m1" not in export(admin_client, query="q=cup")


@pytest.mark.parametrize(
    ("permissions", "may_import", "may_export"),
    [
        (["view_product"], False, True),
        (["view_product", "change_product"], False, True),
        (["view_product", "add_product"], False, True),
        (["add_product", "change_product"], True, True),
        ([], False, False),
    ],
)
def test_permissions_are_respected(
    client: Client, permissions: list[str], may_import: bool, may_export: bool
) -> None:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    codes = [client.get(f"{LIST}{page}/").status_code for page in ("import", "export")]
    assert codes == [200 if may else 403 for may in (may_import, may_export)]
    if not may_import:
        assert client.post(f"{LIST}process_import/", {}).status_code == 403


def test_categories_are_made_only_by_those_who_may(client: Client) -> None:
    user = User.objects.create_user("clerk", is_staff=True)
    codenames = ["view_product", "add_product", "change_product"]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    page = preview(client, csv_file(["m1", "Mug", "Home", "", "1"]))
    assert reasons(page) == ["There is no such category, and you may not add categories."]
    Category.objects.create(name="Home")
    upload(client, csv_file(["m1", "Mug", "Home", "", "1"]))
    assert Product.objects.exists()


def test_strangers_are_sent_to_the_login(client: Client) -> None:
    assert client.get(f"{LIST}import/").status_code == 302
    assert client.get(f"{LIST}export/").status_code == 302


def test_costs_few_queries_a_row(django_assert_max_num_queries: Any) -> None:
    rows = [(f"m{n}", "Mug", "Home", "", "9.99") for n in range(500)]
    with django_assert_max_num_queries(500 * 7 + 20):
        ProductResource().import_data(Dataset(*rows, headers=HEADER))
    assert Product.objects.count() == 500
    with django_assert_max_num_queries(500 * 2 + 20):  # a savepoint, and its end
        ProductResource().import_data(Dataset(*rows, headers=HEADER))
