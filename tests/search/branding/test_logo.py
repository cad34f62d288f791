"""The file of a logo, and how pages show it."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from PIL import Image

from search.branding import shop
from search.branding.logo import InvalidLogo, read_logo
from search.checks import check_branding

XMLNS = 'xmlns="http://www.w3.org/2000/svg"'
WIDE = f'<svg {XMLNS} viewBox="0 0 300 60"><path d="M0 0h9v9z"/></svg>'
ENTITY = f'<!DOCTYPE svg [<!ENTITY a "b">]><svg {XMLNS} viewBox="0 0 9 9">&a;</svg>'


def raster(kind: str, size: tuple[int, int] = (64, 60)) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, "green").save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "content_type", "is_wide"),
    [
        ("logo.svg", WIDE.encode(), "image/svg+xml", True),
        ("logo.SVG", f'<svg {XMLNS} width="40px" height="40px"/>'.encode(), "image/svg+xml", False),
        ("logo.png", raster("PNG"), "image/png", False),
        ("logo.webp", raster("WEBP", (90, 30)), "image/webp", True),
    ],
)
def test_reads(tmp_path: Path, name: str, data: bytes, content_type: str, is_wide: bool) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    logo = read_logo(file)
    assert (logo.content_type, logo.is_wide, logo.data) == (content_type, is_wide, data)
    assert not logo.adapts


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("logo.png", b"", "not an SVG, a PNG or a WebP, or it is damaged"),
        ("logo.png", raster("PNG")[:-30], "or it is damaged"),
        ("logo.png", raster("JPEG"), "not an SVG, a PNG or a WebP"),
        ("logo.png", bytes(300_000), "it has 300 kB; at most 200 are allowed"),
        ("logo.svg", b"<svg", "not well-formed XML"),
        ("logo.svg", ENTITY.encode(), "or it has entities"),
        ("logo.svg", b'<svg viewBox="0 0 9 9"/>', "does not begin with <svg xmlns="),
        ("logo.svg", f"<svg {XMLNS}/>".encode(), "neither a viewBox nor a width"),
        ("missing.svg", None, "it can't be read: no such file or directory"),
    ],
)
def test_names_what_is_wrong(
    tmp_path: Path, settings: Any, name: str, data: bytes | None, reason: str
) -> None:
    settings.SHOP_LOGO = tmp_path / name
    if data is not None:
        settings.SHOP_LOGO.write_bytes(data)
    with pytest.raises(InvalidLogo, match=reason):
        read_logo(settings.SHOP_LOGO)
    (warning,) = check_branding()
    assert warning.id == "search.W005"
    assert reason in warning.msg
    assert shop().logo_url == ""
    assert "icon-mark" in render_to_string("500.html")


def test_is_served_as_nothing_but_a_picture(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.SHOP_LOGO = tmp_path / "logo.svg"
    settings.SHOP_LOGO.write_text(WIDE)
    response = client.get(shop().logo_url)
    assert (response.content, response["Content-Type"]) == (WIDE.encode(), "image/svg+xml")
    assert "sandbox" in response["Content-Security-Policy"]
    assert "immutable" in response["Cache-Control"]
    assert client.get("/shop/old/logo")["Cache-Control"] == "no-cache"
    settings.SHOP_LOGO = None
    assert client.get("/shop/old/logo").status_code == 404


def test_stands_for_the_name_if_it_is_wide(settings: Any, tmp_path: Path) -> None:
    settings.SHOP_NAME, settings.SHOP_URL = "Maison & Vert", "https://maison.example/"
    settings.SHOP_LOGO = tmp_path / "logo.svg"
    settings.SHOP_LOGO.write_text(WIDE)
    brand = render_to_string("_brand.html", {"shop": shop()})
    assert 'href="https://maison.example/" target="_top"' in brand
    assert 'alt="Maison &amp; Vert"' in brand
    assert brand.count("Maison") == 1
    settings.SHOP_LOGO = tmp_path / "square.png"
    settings.SHOP_LOGO.write_bytes(raster("PNG"))
    brand = render_to_string("_brand.html", {"shop": shop()})
    assert f'rel="icon" href="{shop().logo_url}" type="image/png"' in render_to_string("500.html")
    assert 'alt=""' in brand
    assert brand.count("Maison") == 1


def test_may_be_on_another_host(settings: Any) -> None:
    settings.SHOP_LOGO = "https://cdn.maison.example/logo.svg"
    assert shop().logo_url == settings.SHOP_LOGO
    assert shop().logo_is_name
    assert check_branding() == []


def test_damaged_file_is_not_read_again_for_each_page(tmp_path: Path, settings: Any) -> None:
    settings.SHOP_LOGO = tmp_path / "logo.svg"
    settings.SHOP_LOGO.write_text("<svg")
    assert shop().logo is None
    settings.SHOP_LOGO.write_text(WIDE)
    assert shop().logo is None
