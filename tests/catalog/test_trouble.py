"""A full disk, a folder that can't be written, a database that fails: sentences, nothing half."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from catalog.importers import import_products, summarize
from catalog.models import Product
from tests.catalog.conftest import LIST, MUG, Send
from tests.conftest import MakeProduct, Picture

NOT_STORED = "The picture can't be stored: "


@pytest.fixture
def blocked(settings: Any, tmp_path: Path) -> None:
    """A file where the media folder should be: not even root can write into it."""
    (tmp_path / "blocked").write_text("in the way")
    settings.MEDIA_ROOT = str(tmp_path / "blocked")


@pytest.mark.usefixtures("blocked")
def test_api_says_in_503_that_the_picture_cannot_be_stored(
    send: Send, picture: Picture, tmp_path: Path
) -> None:
    status, answer = send("POST", LIST, MUG | {"image": picture(1)})
    assert status == 503
    assert answer["detail"].startswith(NOT_STORED)
    assert str(tmp_path) not in answer["detail"]
    assert not Product.objects.exists()
    assert send("POST", LIST, MUG)[0] == 201, "what needs no picture goes on"


@pytest.mark.usefixtures("blocked")
def test_admin_says_in_503_that_the_picture_cannot_be_stored(
    admin_client: Client, make_product: MakeProduct, picture: Picture, tmp_path: Path
) -> None:
    mug = make_product("Mug")
    fields = {"name": "Cup", "sku": mug.sku, "category": mug.category.pk, "price": "1"}
    fields |= {"currency": "EUR", "photos-TOTAL_FORMS": 0, "photos-INITIAL_FORMS": 0}
    fields["availability"] = "in_stock"
    fields["image"] = SimpleUploadedFile("a.jpg", picture(1))
    response = admin_client.post(f"/admin/catalog/product/{mug.pk}/change/", fields)
    page = response.content.decode()
    assert response.status_code == 503
    assert "The picture can&#x27;t be stored: " in page
    assert str(tmp_path) not in page
    assert Product.objects.get().name == "Mug"


@pytest.mark.usefixtures("blocked", "db")
def test_import_says_by_row_that_the_picture_cannot_be_stored(
    picture: Picture, tmp_path: Path
) -> None:
    (tmp_path / "mug.jpg").write_bytes(picture(1))
    rows = ("id,name,category,image_url,price", "m1,Mug,Home,mug.jpg,1", "m2,Cup,Home,,1")
    (tmp_path / "products.csv").write_text("\n".join(rows))
    report = summarize(import_products(tmp_path / "products.csv"))
    assert report.counts == {"failed": 1, "created": 1}
    assert report.failures[0].reason.startswith(f"image_url: {NOT_STORED}")
    assert Product.objects.get().sku == "m2"


def test_search_goes_on_where_its_folders_cannot_be_written(
    settings: Any, tmp_path: Path, make_product: MakeProduct, picture: Picture, client: Client
) -> None:
    (tmp_path / "in-the-way").write_text("")
    settings.PHOTOS_DIR = tmp_path / "in-the-way/photos"
    settings.COUNTERS_DIR = tmp_path / "in-the-way/counters"
    settings.SEARCH_RATE = "1/min"
    mug = make_product(image=picture(1))
    response = client.post("/api/search/", {"file": SimpleUploadedFile("a.jpg", picture(1))})
    assert response.status_code == 200
    assert response.json()["results"][0]["id"] == mug.pk


@pytest.mark.parametrize(
    ("path", "kind"), [(LIST, "application/json"), ("/products/", "text/html")]
)
def test_database_that_fails_gets_503_and_no_traceback(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: str, kind: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("database or disk is full: /srv/shop/db.sqlite3")

    monkeypatch.setattr(Product.objects.__class__, "get_queryset", fail)
    response = client.get(path)
    assert (response.status_code, response["Content-Type"].split(";")[0]) == (503, kind)
    assert b"Please try again later." in response.content
    assert b"sqlite3" not in response.content
