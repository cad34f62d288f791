"""The accent colour: what reaches enough contrast, and what is made of the rest."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from search.branding.accent import DARK, LIGHT, TEXT, accent_of, contrast_of
from search.branding.colours import contrast, mixed
from search.checks import check_branding

CSS = (Path(__file__).parents[3] / "static/pages.css").read_text()
LIGHT_CSS, DARK_CSS = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [("#000000", "#ffffff", 21), ("#777777", "#ffffff", 4.48), ("#17614a", "#17614a", 1)],
)
def test_measures_contrast_as_wcag_does(first: str, second: str, ratio: float) -> None:
    assert contrast(first, second) == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize(("surroundings", "css"), [(LIGHT, LIGHT_CSS), (DARK, DARK_CSS)])
def test_knows_the_colours_of_the_pages(surroundings: Any, css: str) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#\w+);", css))
    long = {name: re.sub(r"^#(.)(.)(.)$", r"#\1\1\2\2\3\3", each) for name, each in colours.items()}
    for name in ("paper", "raised", "sunken", "line"):
        assert getattr(surroundings, name) == long[name]
    assert contrast_of(long["accent"], surroundings) >= TEXT
    # Words on what is chosen stay legible, however strong the accent is.
    for strongest in ("#000000", "#ffffff"):
        soft = mixed(strongest, long["raised"], 0.12)
        assert contrast(long["soft"], soft) >= TEXT
        assert contrast(long["ink"], soft) >= TEXT


@pytest.mark.parametrize(
    "colour", ["#17614a", "#000000", "#ffffff", "#ffd400", "#0000ff", "#ff0000", "#808080"]
)
def test_is_readable_in_light_and_dark_whatever_the_colour(colour: str) -> None:
    variants = accent_of(colour)
    for variant, surroundings in ((variants.light, LIGHT), (variants.dark, DARK)):
        assert contrast_of(variant.accent, surroundings) >= TEXT
        assert contrast(variant.accent, surroundings.line) >= 3
        assert contrast(variant.on_accent, variant.accent) >= TEXT


def test_keeps_a_colour_that_can_be_read() -> None:
    assert accent_of("#17614a").light.accent == "#17614a"
    assert accent_of("#7fd4b0").dark.accent == "#7fd4b0"


def test_warns_of_a_pale_colour_with_its_ratio_and_a_better_one(settings: Any) -> None:
    settings.SHOP_ACCENT = "#ffd400"
    (warning,) = check_branding()
    assert warning.id == "search.W006"
    assert "is #ffd400, whose contrast with light pages is 1.21:1" in warning.msg
    assert f"Pages use {accent_of('#ffd400').light.accent} instead" in warning.msg
    settings.SHOP_ACCENT = accent_of("#ffd400").light.accent
    assert check_branding() == []


def test_is_a_style_sheet_that_browsers_keep(client: Client, settings: Any) -> None:
    settings.SHOP_ACCENT = "#b5179e"
    url = f"/shop/{accent_of('#b5179e').digest}/accent.css"
    response = client.get(url)
    assert response.content.startswith(b":root{--accent:#b5179e;")
    assert (response["Content-Type"], response.get("Vary")) == ("text/css; charset=utf-8", None)
    assert "immutable" in response["Cache-Control"]
    assert client.get("/shop/old/accent.css")["Cache-Control"] == "no-cache"
    settings.SHOP_ACCENT = ""
    assert client.get(url).status_code == 404
