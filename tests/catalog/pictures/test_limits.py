"""The shop's own limits hold at every door that a picture may come in by."""

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.fetching.fetcher import FetchError
from catalog.fetching.remote import fetch_picture
from catalog.importers import import_products
from catalog.models import Category, Product
from catalog.pictures.gate import ImageLimits
from catalog.pictures.stored import accepted_types, image_limits
from tests.catalog.local_servers import http, running_servers
from tests.conftest import MakeProduct, Picture

TOO_MANY = "The picture has 0.0896 million pixels; at most 0.08 million are allowed."
Door = Callable[[bytes], str]


@pytest.fixture(params=["search", "page", "api", "admin", "import", "model"])
def door(
    request: pytest.FixtureRequest, client: Client, admin_client: Client, tmp_path: Path
) -> Door:
    """Gives a picture to the shop in some way; what comes back is the answer, as text."""

    def by_import(data: bytes) -> str:
        (tmp_path / "photo.jpg").write_bytes(data)
        path = tmp_path / "products.csv"
        with path.open("w", newline="") as file:
            header = ["id", "name", "category", "image_url", "price"]
            csv.writer(file).writerows([header, ["m1", "Mug", "Home", "photo.jpg", "9.99"]])
        return " ".join(row.reason for row in import_products(path))

    def by_model(data: bytes) -> str:
        category = Category.objects.create(name="Home")
        product = Product(sku="m1", name="Mug", category=category, price="9.99")
        product.image.save("photo.jpg", ContentFile(data))
        product.refresh_from_db()
        return product.embedding_error

    def by_admin(data: bytes) -> str:
        form = {"image": upload(data), "photos-TOTAL_FORMS": 0, "photos-INITIAL_FORMS": 0}
        return admin_client.post("/admin/catalog/product/add/", form).text

    doors: dict[str, Door] = {
        "search": lambda data: client.post("/api/search/", {"file": upload(data)}).text,
        "page": lambda data: client.post("/", {"file": upload(data)}).text,
        "api": lambda data: admin_client.post("/api/products/", {"image": upload(data)}).text,
        "admin": by_admin,
        "import": by_import,
        "model": by_model,
    }
    return doors[request.param]


def upload(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("photo.jpg", data)


def test_default_is_what_the_gate_has_by_default_and_heif() -> None:
    assert image_limits() == ImageLimits(formats=(*ImageLimits().formats, "HEIF"))


@pytest.mark.django_db(transaction=True)
def test_limits_hold_at_every_door(door: Door, picture: Picture, settings: Any) -> None:
    settings.MAX_IMAGE_MEGAPIXELS = 0.08
    assert TOO_MANY in door(picture(1))


@pytest.mark.django_db(transaction=True)
def test_file_that_is_too_large_is_refused_at_every_door(
    door: Door, picture: Picture, settings: Any
) -> None:
    settings.MAX_IMAGE_MB = 1 / 1024
    assert "The file is too large; " in door(picture(1))


def test_limit_of_bytes_holds_for_what_is_fetched(picture: Picture, settings: Any) -> None:
    with running_servers() as serve:
        server = serve(http(picture(1)))
        settings.FETCH_ALLOWED_HOSTS = [server.host]
        assert fetch_picture(server.url) == picture(1)
        settings.MAX_IMAGE_MB = 1 / 1024
        with pytest.raises(FetchError, match=r"over 0\.0009765625 MB"):
            fetch_picture(server.url)


def test_heif_is_taken_only_where_the_shop_says_so(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as where it is not installed
    settings.HEIF = False
    assert "HEIF" not in image_limits().formats
    assert "heic" not in accepted_types()
    settings.HEIF = True
    assert "image/heic" in accepted_types()
    with pytest.raises(ModuleNotFoundError, match="need the package pillow-heif"):
        image_limits()


def test_stored_picture_passes_the_smallest_limits_that_may_be_set(
    make_product: MakeProduct, picture: Picture, settings: Any
) -> None:
    settings.MAX_IMAGE_MB, settings.MAX_IMAGE_MEGAPIXELS = 5, 2
    assert make_product(image=picture(1, (1400, 1400))).embedding_status == "ready"
