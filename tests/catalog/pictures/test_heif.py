"""AVIF and HEIF, whose boxes may refer to each other in any way."""

from dataclasses import replace
from time import process_time

import pytest
from PIL import Image

from catalog.pictures.gate import ImageLimits, InvalidImage, open_image
from tests.catalog.pictures.test_orientation import STORED
from tests.catalog.samples import (
    Item,
    coded_item,
    difference,
    encoded,
    grid_item,
    of_items,
    photo,
)

LIMITS = ImageLimits(formats=("JPEG", "AVIF", "HEIF"))
TILE = Image.new("RGB", (512, 512), "teal")
TILES = {name: coded_item(encoded(TILE, name), TILE.size) for name in ("AVIF", "HEIF")}
PHONE = (5_712, 4_284)  # 24 megapixels
GRID = grid_item(9, 12, PHONE, tuple(range(2, 110)))


def opened(data: bytes, at_least: int | None = None) -> Image.Image:
    return open_image(data, limits=LIMITS, at_least=at_least)


@pytest.mark.parametrize("picture", [photo(), photo(101, 67), photo().convert("L")])
def test_opens_heif(picture: Image.Image) -> None:
    assert difference(opened(encoded(picture, "HEIF", quality=95)), picture) < 3


def test_lays_transparency_of_a_heif_on_white() -> None:
    cut_out = photo()
    cut_out.putalpha(0)
    assert difference(opened(encoded(cut_out, "HEIF")), Image.new("RGB", (96, 64), "white")) < 1


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("name", TILES)
def test_turns_upright_as_the_boxes_say(name: str, orientation: int) -> None:
    (turn,) = STORED[orientation]
    stored = photo().transpose(turn)
    turns = {3: 2, 6: 3, 8: 1}[orientation]
    item = replace(coded_item(encoded(stored, name, quality=95), stored.size), quarter_turns=turns)
    picture = opened(of_items(item))
    assert picture.size == photo().size
    assert difference(picture, photo()) < 5


@pytest.mark.parametrize("name", TILES)
def test_opens_24_megapixels_in_tiles_as_phones_write_them(name: str) -> None:
    picture = opened(of_items(GRID, *[TILES[name]] * 108), at_least=448)
    assert picture.size == (714, 536)
    assert difference(picture, Image.new("RGB", picture.size, "teal")) < 3


def test_opens_24_megapixels_of_a_webp() -> None:
    data = encoded(Image.new("RGB", PHONE), "WEBP", lossless=True, method=0)
    assert open_image(data, at_least=448).size == (714, 536)


def liars(tile: Item) -> dict[str, bytes]:
    small = replace(tile, size=(100, 100))
    pair = grid_item(1, 2, (1024, 512), (2, 3))
    one = grid_item(1, 1, (1024, 512), (2,))
    large = grid_item(9, 12, PHONE, (2, 3))
    many = grid_item(9, 12, (500, 500), GRID.tiles)
    return {
        "that declares less than it holds": of_items(small),
        "that declares more than it holds": of_items(replace(tile, size=(1024, 512))),
        "of two pictures in one": of_items(replace(tile, data=tile.data * 2)),
        "of tiles that declare less": of_items(pair, small, small),
        "of too few tiles": of_items(large, tile, tile),
        "of too many tiles for its size": of_items(many, *[tile] * 108),
        "of one tile twice": of_items(grid_item(1, 2, (1024, 512), (2, 2)), tile),
        "of a grid of grids": of_items(one, replace(pair, tiles=(3, 4)), tile, tile),
        "of a grid of itself": of_items(grid_item(1, 1, (512, 512), (1,)), tile),
        "of tiles that do not exist": of_items(grid_item(1, 2, (1024, 512), (2, 9)), tile),
        "of cut data": of_items(replace(tile, data=tile.data[:-1])),
        "without data": of_items(replace(tile, data=b"")),
        "of an unknown kind": of_items(replace(tile, kind=b"jpeg")),
    }


CASES = {f"{name} {what}": data for name in TILES for what, data in liars(TILES[name]).items()}


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
def test_refuses_an(data: bytes) -> None:
    started = process_time()
    with pytest.raises(InvalidImage, match="damaged or incomplete"):
        opened(data)
    assert process_time() - started < 1


def test_refuses_heif_unless_it_is_asked_for() -> None:
    with pytest.raises(InvalidImage, match="not a picture we can read"):
        open_image(encoded(photo(), "HEIF"))
