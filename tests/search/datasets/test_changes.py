import numpy as np
import pytest
from PIL import Image

from search.datasets.changes import CHANGES, CROPPED
from tests.catalog.samples import difference, photo


def changed(name: str, picture: Image.Image, seed: int = 0) -> Image.Image:
    return CHANGES[name](picture, np.random.default_rng(seed))


def on_white() -> Image.Image:
    """A busy square in the middle of a white picture."""
    picture = Image.new("RGB", (96, 96), (255, 255, 255))
    picture.paste(photo(48, 48), (24, 24))
    return picture


@pytest.mark.parametrize("name", CHANGES)
def test_gives_another_rgb_picture(name: str) -> None:
    picture = photo(480, 320)
    result = changed(name, picture)
    assert result.mode == "RGB"
    assert result.size != picture.size or difference(result, picture) > 0
    assert difference(picture, photo(480, 320)) == 0


@pytest.mark.parametrize("name", CHANGES)
def test_gives_the_same_for_the_same_seed(name: str) -> None:
    once, again = (changed(name, photo(), seed=3) for _ in range(2))
    assert once.tobytes() == again.tobytes()


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1)])
def test_takes_the_smallest_pictures(name: str, size: tuple[int, int]) -> None:
    assert min(changed(name, photo(*size)).size) >= 1


def test_crops_come_from_anywhere() -> None:
    levels = np.zeros((100, 100, 3), np.uint8)
    levels[..., 0], levels[..., 1] = np.arange(100), np.arange(100)[:, np.newaxis]
    corners = []
    for seed in range(20):
        part = np.asarray(changed("cropped", Image.fromarray(levels), seed))
        assert part.shape == (round(100 * CROPPED), round(100 * CROPPED), 3)
        corners.append(part[0, 0])
    assert (np.ptp(corners, axis=0)[:2] > 20).all()


def test_turns_to_either_side() -> None:
    corners = {changed("turned", on_white(), seed).tobytes() for seed in range(10)}
    assert len(corners) == 2


@pytest.mark.parametrize("seed", range(5))
def test_screenshot_has_the_whole_picture_in_plain_margins(seed: int) -> None:
    picture = photo(64, 64)
    screen = np.asarray(changed("screenshot", picture, seed))
    assert len(np.unique(screen[0], axis=0)) == 1
    rows, columns = np.nonzero((screen != screen[0, 0]).any(axis=2))
    box = screen[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert difference(Image.fromarray(box), picture) == 0


def test_plain_background_gives_way_to_another() -> None:
    picture = on_white()
    result = changed("elsewhere", picture)
    middle = (32, 32, 64, 64)
    assert difference(result.crop(middle), picture.crop(middle)) == 0
    assert difference(result.crop((0, 0, 20, 20)), picture.crop((0, 0, 20, 20))) > 40


def test_picture_without_plain_background_lies_on_another_whole() -> None:
    picture = photo(90, 60)
    result = changed("elsewhere", picture)
    assert result.size == (120, 80)
    assert difference(result.crop((15, 10, 105, 70)), picture) == 0
