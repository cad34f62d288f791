"""The manifest with which the search is installed."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as shop
from django.test import Client
from PIL import Image

from catalog.pictures.stored import accepted_types
from search.branding.manifest import DEFAULT_ACCENT

STATIC = Path(shop.STATICFILES_DIRS[0])


def manifest(client: Client, language: str = "en") -> Any:
    response = client.get("/manifest.webmanifest", headers={"Accept-Language": language})
    assert response["Content-Type"] == "application/manifest+json"
    assert "Accept-Language" in response["Vary"]
    return response.json()


def test_describes_the_shop(client: Client, settings: Any) -> None:
    settings.SHOP_NAME, settings.SHOP_ACCENT = "Maison Vert", "#123456"
    about = manifest(client, "ar")
    assert (about["name"], about["theme_color"]) == ("Maison Vert", "#123456")
    assert (about["lang"], about["dir"]) == ("ar", "rtl")
    assert about["start_url"] == about["scope"] == about["id"] == "/"
    settings.SHOP_ACCENT = ""
    assert manifest(client)["theme_color"] == DEFAULT_ACCENT
    assert f"--accent: {DEFAULT_ACCENT};" in (STATIC / "pages.css").read_text()


def test_icons_are_as_large_as_they_say(client: Client) -> None:
    icons = manifest(client)["icons"]
    assert {(icon["sizes"], icon["purpose"]) for icon in icons} == {
        *(("192x192", "any"), ("512x512", "any"), ("512x512", "maskable"))
    }
    for icon in icons:
        file = STATIC / icon["src"].removeprefix("/static/")
        with Image.open(file) as picture:
            assert "x".join(map(str, picture.size)) == icon["sizes"]
            corner = picture.convert("RGBA").getpixel((0, 0))
        assert (corner[3] == 255) == (icon["purpose"] == "maskable")
        assert file.stat().st_size < 10_000


def test_takes_pictures_and_addresses(client: Client) -> None:
    target = manifest(client)["share_target"]
    assert (target["action"], target["method"]) == ("/share/", "POST")
    assert target["enctype"] == "multipart/form-data"
    assert target["params"]["files"] == [{"name": "file", "accept": ["image/*"]}]
    assert all(kind.startswith(("image/", ".")) for kind in accepted_types().split(","))


@pytest.mark.parametrize("path", ["/", "/products/"])
def test_pages_name_the_manifest(client: Client, db: None, path: str) -> None:
    page = client.get(path).content.decode()
    assert '<link rel="manifest" href="/manifest.webmanifest">' in page
