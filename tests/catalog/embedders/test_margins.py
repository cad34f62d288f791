"""What is margin and what is not, on drawn pictures and on real photos of the demo."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from catalog.embedders.preprocessing import Box, within_margins
from catalog.embedders.runtime import Embedder
from tests.conftest import FIXTURES

PHOTO = Image.open(FIXTURES / "queries" / "11-sneaker.jpg").convert("RGB")  # 600 x 480
PAPERS = ["white", "black", "#f5f5f7", "#3b6"]
Change = Callable[[Image.Image], Image.Image]


def on_paper(picture: Image.Image, paper: str, margins: Box) -> Image.Image:
    """The picture with margins at the left, top, right and bottom."""
    left, top, right, bottom = margins
    sheet = Image.new("RGB", (picture.width + left + right, picture.height + top + bottom), paper)
    sheet.paste(picture, (left, top))
    return sheet


def saved(picture: Image.Image, quality: int) -> Image.Image:
    output = BytesIO()
    picture.save(output, "JPEG", quality=quality)
    return Image.open(output).convert("RGB")


def near(found: Sequence[float], box: Box, by: float) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, box, strict=True))


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("margins", [(60, 90, 120, 400), (0, 200, 0, 300), (300, 0, 300, 0)])
def test_finds_a_photo_on_paper(paper: str, margins: Box) -> None:
    left, top, *_ = margins
    found = within_margins(on_paper(PHOTO, paper, margins))
    assert near(found, (left, top, left + 600, top + 480), 12)
    assert found[0] >= left
    assert found[1] >= top
    assert found[2] <= left + 600
    assert found[3] <= top + 480


def test_leaves_bars_text_and_buttons_aside() -> None:
    screen = on_paper(PHOTO, "white", (30, 160, 30, 400))
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 660, 40), "#1e1e28")
    draw.text((20, 8), "9:41", "white", font_size=24)
    draw.text((30, 90), "Back to the shop", "blue", font_size=30)
    draw.text((30, 680), "Court Sneaker, 54.90", "black", font_size=36)
    draw.rounded_rectangle((30, 960, 630, 1000), 20, "black")
    assert near(within_margins(screen), (30, 160, 630, 640), 12)


SHEET = on_paper(PHOTO, "#f5f5f7", (100, 250, 60, 350))
SAME: dict[str, Change] = {
    "compressed": lambda picture: saved(picture, 30),
    "smaller": lambda picture: picture.resize((380, 540), Image.Resampling.LANCZOS),
    "larger": lambda picture: picture.resize((1520, 2160), Image.Resampling.BICUBIC),
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(2)),
}


@pytest.mark.parametrize("form", SAME)
def test_finds_the_same_in_whatever_form(form: str) -> None:
    picture = SAME[form](SHEET)
    scale = picture.width / SHEET.width
    found = within_margins(picture)
    expected = within_margins(SHEET)
    assert near([side / scale for side in found], expected, 10)
    assert expected != (0, 0, *SHEET.size)


def test_keeps_some_paper_around_an_object_as_a_square() -> None:
    picture = Image.new("RGB", (800, 600), "white")
    ImageDraw.Draw(picture).ellipse((300, 200, 500, 320), "red")
    assert near(within_margins(picture), (290, 150, 510, 370), 8)
    ImageDraw.Draw(picture).ellipse((40, 560, 60, 570), "red")  # specks beside it don't count
    assert near(within_margins(picture), (290, 150, 510, 370), 8)


def test_takes_two_things_as_one() -> None:
    pair = Image.new("RGB", (800, 600), "white")
    ImageDraw.Draw(pair).ellipse((100, 200, 300, 320), "red")
    ImageDraw.Draw(pair).ellipse((500, 200, 700, 320), "red")
    left, _, right, _ = within_margins(pair)
    assert left < 100 < 700 < right


@pytest.mark.parametrize("photo", sorted((FIXTURES / "queries").iterdir()), ids=lambda p: p.stem)
def test_takes_a_photo_without_margins_whole(photo: Path) -> None:
    with Image.open(photo) as picture:
        assert within_margins(picture.convert("RGB")) == (0, 0, *picture.size)


def drawn(box: Box) -> Image.Image:
    picture = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(picture).ellipse(box, "navy")
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (400, 300), "white"),
        Image.new("RGB", (1, 1), "black"),
        Image.new("RGB", (2000, 100), "grey"),
        drawn((150, 100, 450, 250)),  # an object that the right edge cuts
        drawn((100, -50, 300, 200)),
        drawn((198, 148, 202, 152)),  # a dot
    ],
)
def test_takes_whole_what_has_no_margins_on_all_sides(picture: Image.Image) -> None:
    assert within_margins(picture) == (0, 0, *picture.size)


def test_hardly_cuts_where_the_paper_fades() -> None:
    left, top, right, bottom = within_margins(Image.linear_gradient("L").convert("RGB"))
    assert (right - left) * (bottom - top) > 0.95 * 256**2


@pytest.mark.parametrize("paper", PAPERS)
def test_photo_has_nearly_the_same_vector_on_paper(embedder: Embedder, paper: str) -> None:
    sheet = saved(on_paper(PHOTO, paper, (100, 250, 60, 350)), 80)
    one, other = embedder.embed(np.stack([embedder.pixels(each) for each in (PHOTO, sheet)]))
    assert one @ other >= 0.93
