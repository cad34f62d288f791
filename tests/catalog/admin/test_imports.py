import gzip
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from catalog import tasks
from catalog.models import Category, EmbeddingStatus, Product, UnconfirmedImport
from catalog.pictures.stored import sha256
from tests.catalog.admin.files import (
    HEADER,
    LIST,
    MUG,
    confirm,
    counts,
    csv_file,
    preview,
    reasons,
    upload,
    xlsx_file,
)
from tests.catalog.importers import workbooks
from tests.catalog.local_servers import http, running_servers
from tests.conftest import MakeProduct, Picture

CLERK = ("view_product", "add_product", "change_product")

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(client: Client) -> Client:
    """Staff who may change products, but not add categories."""
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=CLERK))
    client.force_login(user)
    return client


@pytest.mark.parametrize("build", [csv_file, xlsx_file])
def test_imports_a_file_after_a_preview(admin_client: Client, build: Callable[..., bytes]) -> None:
    page = preview(admin_client, build(MUG, ["17", "Cup", "Kitchen", "", "5"]))
    assert "Mug" in page.content.decode()
    assert counts(page) == {"created": 2}
    assert not Product.objects.exists(), "a preview changes nothing"
    assert not Category.objects.exists()
    assert "2 created, 0 updated" in confirm(admin_client, page).content.decode()
    assert set(Product.objects.values_list("sku", "name", "category__name")) == {
        ("m1", "Mug", "Home"),
        ("17", "Cup", "Kitchen"),
    }
    assert LogEntry.objects.count() == 2


def test_cells_of_a_spreadsheet_may_be_numbers(admin_client: Client) -> None:
    header = [*HEADER, "active"]
    upload(admin_client, xlsx_file([17.0, 1984, "Books", None, 9.9, True], header=header))
    product = Product.objects.get()
    assert (product.sku, product.name, str(product.price)) == ("17", "1984", "9.90")


def test_preview_shows_what_changes_and_leaves_the_rest_alone(
    admin_client: Client, make_product: MakeProduct
) -> None:
    make_product("Mug", sku="m1")
    before = make_product("Cup", sku="c1")
    page = preview(
        admin_client,
        csv_file(["m1", "Big Mug", "Home", "", "9.99"], ["c1", "Cup", "Home", "", "9.99"]),
    )
    assert counts(page) == {"updated": 1, "unchanged": 1}
    assert "<del>Mug</del> <ins>Big Mug</ins>" in page.content.decode()
    confirm(admin_client, page)
    assert Product.objects.get(sku="m1").name == "Big Mug"
    assert Product.objects.get(sku="c1").updated_at == before.updated_at


def test_preview_takes_no_lock_and_writes_only_the_file(admin_client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        preview(admin_client, csv_file(*(["m1", "Mug", f"Home {n}", "", "1"] for n in range(200))))
    written = [each["sql"] for each in queries if re.match("INSERT|UPDATE|DELETE", each["sql"])]
    assert all("unconfirmedimport" in sql for sql in written)
    assert len(queries) < 20


def test_preview_shows_how_the_file_was_read(admin_client: Client) -> None:
    header = [*HEADER, "sale price", "shelf"]
    pictures = "https://shop.example/1.jpg https://shop.example/2.jpg"
    rows = ([f"m{n}", f"Mug {n}", "Home", pictures, "9", "8", "A"] for n in range(7))
    page = preview(admin_client, csv_file(*rows, header=header))
    assert page.context["used"] == [*HEADER, "sale price"]
    assert page.context["ignored"] == ["shelf"]
    assert [row.sku for row in page.context["first"]] == ["m0", "m1", "m2", "m3", "m4"]
    html = page.content.decode()
    assert "Format: <strong>products.csv</strong>" in html
    assert "<s>$9.00</s> $8.00" in html
    assert ">2</td>" in html, "both pictures are counted"
    assert not Product.objects.exists()


FRENCH = csv_file(["m1", "Chope", "Maison", "/chope.jpg", "9,90"], header=["Réf", *"NCIP"])


def test_feed_in_xml_is_imported_like_a_table(admin_client: Client) -> None:
    items = (
        f"<item><g:price>5 EUR</g:price><id>{n}</id>{'<size>L</size>' * n}<title>Mug</title>"
        "<image_link>https://a.example/1.jpg</image_link></item>"
        for n in range(2)
    )
    page = preview(admin_client, f"<rss>{''.join(items)}</rss>".encode(), "feed.xml")
    assert counts(page) == {"created": 2}
    assert page.context["understood"].key == "google"
    choices = page.context["options_form"].fields["column-name"].choices
    assert ("title", "title (Mug)") in choices
    assert ("size", "size") in choices
    confirm(admin_client, page)
    assert Product.objects.get(sku="1").attributes == {"size": "L"}


def test_file_with_an_unknown_header_is_read_as_somebody_says(admin_client: Client) -> None:
    page = preview(admin_client, FRENCH, "chopes.csv")
    assert "The header lacks" in page.context["problem"]
    assert ("N", "N (Chope)") in page.context["options_form"].fields["column-name"].choices
    columns = {"sku": "Réf", "name": "N", "category": "C", "image_url": "I", "price": "P"}
    given = {f"column-{name}": header for name, header in columns.items()}
    given |= {"currency": "€", "base_url": "https://shop.example"}
    page = admin_client.post(f"{LIST}import/", page.context["again_form"].initial | given)
    assert "problem" not in page.context
    assert counts(page) == {"created": 1}
    assert UnconfirmedImport.objects.count() == 1
    confirm(admin_client, page)
    product = Product.objects.get()
    assert (product.name, str(product.price), product.currency) == ("Chope", "9.90", "EUR")
    assert product.image_url == "https://shop.example/chope.jpg"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"format": "excel"}, "format"),
        ({"currency": "gold"}, "currency"),
        ({"base_url": "shop"}, "base_url"),
        ({"column-name": "Nom"}, "column-name"),
    ],
)
def test_options_that_cannot_be_used_get_a_sentence(
    admin_client: Client, given: dict[str, str], problem: str
) -> None:
    page = preview(admin_client, csv_file(MUG))
    page = admin_client.post(f"{LIST}import/", page.context["again_form"].initial | given)
    assert list(page.context["options_form"].errors) == [problem]
    assert "confirm_form" not in page.context


def test_file_that_is_gone_is_not_read_again(admin_client: Client) -> None:
    page = preview(admin_client, csv_file(MUG))
    confirm(admin_client, page)
    again = admin_client.post(f"{LIST}import/", page.context["again_form"].initial, follow=True)
    assert "This file was imported already" in again.content.decode()


BAD_ROWS = {
    "a price that is no number": (["b", "Cup", "Home", "", "cheap"], "'cheap' is not a number"),
    "a negative price": (["b", "Cup", "Home", "", "-4"], "greater than or equal to 0"),
    "no name": (["b", "", "Home", "", "4"], "name must not be empty"),
    "a name too long": (["b", "C" * 201, "Home", "", "4"], "at most 200 characters"),
    "control characters": (["b", "C\x07p", "Home", "", "4"], "control characters"),
    "a path that is not there": (["b", "Cup", "Home", "a.jpg", "4"], "no file a.jpg in the media"),
    "a path out of the media folder": (["b", "Cup", "Home", "../a.jpg", "4"], "There is no file"),
    "a path from the root": (["b", "Cup", "Home", "/etc/passwd", "4"], "There is no file"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_row_with_an_error_is_told_and_stops_no_other(
    admin_client: Client, kind: str, settings: Any, picture: Picture
) -> None:
    media = Path(settings.MEDIA_ROOT)
    media.mkdir()
    (media.parent / "a.jpg").write_bytes(picture(1))
    row, reason = BAD_ROWS[kind]
    page = preview(admin_client, csv_file(MUG, row))
    assert [reason in said for said in reasons(page)] == [True], reasons(page)
    assert reason.replace("'", "&#x27;") in page.content.decode()
    assert counts(page) == {"created": 1, "failed": 1}
    page = confirm(admin_client, page)
    assert [reason in said for said in reasons(page)] == [True], reasons(page)
    assert "1 created, 0 updated, 0 unchanged, 1 failed" in page.content.decode()
    assert Product.objects.get().sku == "m1"


def test_errors_name_line_and_sku(admin_client: Client) -> None:
    page = preview(admin_client, csv_file(MUG, ["m2", "Cup", "Home", "", "cheap"]))
    html = page.content.decode()
    assert 'data-label="Line">3</td><th scope="row">m2</th>' in html
    assert "price: &#x27;cheap&#x27; is not a number" in html


def test_reasons_are_in_the_language_of_the_reader(admin_client: Client) -> None:
    data = csv_file(["m1", "Mug" * 700, "Home", "", "5"])
    for language, most in (("de", "2.000"), ("en", "2,000")):
        admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
        (reason,) = reasons(preview(admin_client, data))
        assert most in reason


def test_nothing_leads_to_options_that_only_a_command_has(admin_client: Client) -> None:
    header = ["Handle", "Title", "Variant Price", "Variant SKU"]
    page = preview(admin_client, csv_file(["mug", "Mug", "5", "m1"], header=header))
    assert "no currency in the file" in page.content.decode()
    assert "no link to the shop" in page.content.decode()
    foreign = preview(admin_client, csv_file(["simple", "Tee"], header=["Tyyppi", "Nimi"]))
    assert "say which of its columns is which" in foreign.content.decode()
    for shown in (page, foreign):
        assert not re.search(r"\s--[a-z]", strip_tags(shown.content.decode()))


def test_of_rows_with_the_same_id_the_last_one_counts(admin_client: Client) -> None:
    data = csv_file(MUG, ["m1", "Cup", "Home", "", "4"])
    page = preview(admin_client, data)
    assert "Line 3 has the same id and counts instead of this one." in page.content.decode()
    confirm(admin_client, page)
    assert Product.objects.get().name == "Cup"


def test_file_without_news_has_nothing_to_confirm(
    admin_client: Client, make_product: MakeProduct
) -> None:
    make_product("Mug", sku="m1")
    page = preview(admin_client, csv_file(MUG))
    assert "confirm_form" not in page.context
    assert "there is nothing to import" in page.content.decode()


REFUSED_FILES = {
    "wrong header": (csv_file(["m1", "Mug"], header=["id", "name"]), "The header lacks category,"),
    "column twice": (csv_file(header=[*HEADER, "id"]), "The header has id more than once."),
    "too many rows": (csv_file(*[MUG] * 2001), "manage.py import_products"),
    "a million columns": (b"id,name," + b"x," * 10**6 + b"\n", "The header"),
    "only a header": (csv_file(), "There are no products below the header."),
    "a title above the header": (csv_file(header=["Prices"]), "It has: Prices."),
    "no spreadsheet": (b"PK\x03\x04 not really", "save it again as .xlsx"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "a file of an old Excel"),
    "a web page": (
        b"<html><table><tr><td>id</td></tr></table></html>",
        "without a product in it",
    ),
    "a compressed file": (gzip.compress(csv_file(MUG)), "The file is compressed."),
    "bytes": (bytes(range(256)) * 100, "This is not a table"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "This is a picture"),
    "last cell": (
        workbooks.workbook(workbooks.products() + '<row><c r="XFD1048576"><v>1</v></c></row>'),
        "the maximum is 1,000 columns",
    ),
}


@pytest.mark.parametrize("kind", REFUSED_FILES)
def test_file_that_cannot_be_imported_gets_a_sentence(admin_client: Client, kind: str) -> None:
    data, sentence = REFUSED_FILES[kind]
    page = preview(admin_client, data)
    error = page.context.get("problem") or page.context["form"].errors["import_file"][0]
    assert sentence in error
    assert error.endswith((".", "price", "FILE"))
    assert not re.search(r"Error|Exception|Traceback|/tmp|/var", error)
    assert "confirm_form" not in page.context
    assert UnconfirmedImport.objects.exists() == ("problem" in page.context)


@pytest.mark.parametrize("data", [None, b""])
def test_form_without_a_file_says_so(admin_client: Client, data: bytes | None) -> None:
    page = preview(admin_client, data) if data is not None else admin_client.post(f"{LIST}import/")
    assert page.status_code == 200
    assert page.context["form"].errors["import_file"]


def test_what_went_wrong_after_the_preview_is_told(
    admin_client: Client, settings: Any, picture: Picture
) -> None:
    media = Path(settings.MEDIA_ROOT)
    media.mkdir()
    (media / "a.jpg").write_bytes(picture(1))
    page = preview(admin_client, csv_file(MUG, ["m2", "Cup", "Home", "a.jpg", "1"]))
    (media / "a.jpg").unlink()
    assert reasons(confirm(admin_client, page)) == [
        "image_url: There is no file a.jpg in the media folder."
    ]
    assert Product.objects.get().sku == "m1"


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


def test_second_confirmation_gets_a_sentence(admin_client: Client) -> None:
    page = preview(admin_client, csv_file(MUG))
    confirm(admin_client, page)
    Product.objects.all().delete()
    again = confirm(admin_client, page)
    assert "This file was imported already" in again.content.decode()
    assert not Product.objects.exists()
    assert not UnconfirmedImport.objects.exists()


@pytest.mark.parametrize("name", ["", "1", "/etc/passwd", "../../etc/passwd", "1:1xabcd:forged"])
def test_name_of_a_file_that_is_not_signed_is_refused(admin_client: Client, name: str) -> None:
    preview(admin_client, csv_file(MUG))
    address = f"{LIST}process_import/"
    page = admin_client.post(address, {"import_file_name": name}, follow=True)
    assert "This file was imported already" in page.content.decode()
    assert not Product.objects.exists()


def test_file_of_somebody_else_is_not_imported(admin_client: Client, clerk: Client) -> None:
    Category.objects.create(name="Home")
    page = preview(admin_client, csv_file(MUG))
    clerk.force_login(User.objects.get(username="clerk"))
    assert "This file was imported already" in confirm(clerk, page).content.decode()
    assert not Product.objects.exists()


def test_file_expires_after_a_day(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = preview(admin_client, csv_file(MUG))
    tasks.forget_imports()
    assert UnconfirmedImport.objects.count() == 1
    UnconfirmedImport.objects.update(uploaded_at=timezone.now() - timedelta(days=1, seconds=1))
    tasks.forget_imports()
    assert not UnconfirmedImport.objects.exists()
    assert "a day has passed" in confirm(admin_client, page).content.decode()


def test_few_unconfirmed_files_are_kept(admin_client: Client) -> None:
    pages = [preview(admin_client, csv_file(MUG)) for _ in range(5)]
    assert UnconfirmedImport.objects.count() == 3
    confirm(admin_client, pages[-1])
    assert Product.objects.exists()


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


def test_categories_are_made_only_by_those_who_may(clerk: Client) -> None:
    page = preview(clerk, csv_file(MUG))
    assert reasons(page) == ["category: There is no such category, and you may not add categories."]
    Category.objects.create(name="Home")
    upload(clerk, csv_file(MUG))
    assert Product.objects.exists()


def test_strangers_are_sent_to_the_login(client: Client) -> None:
    assert client.get(f"{LIST}import/").status_code == 302
    assert client.get(f"{LIST}export/").status_code == 302


def test_costs_few_queries_a_row(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    data = csv_file(*([f"m{n}", "Mug", "Home", "", "9.99"] for n in range(300)))
    page = preview(admin_client, data)
    with django_assert_max_num_queries(300 * 7 + 60):
        confirm(admin_client, page)
    assert Product.objects.count() == 300
