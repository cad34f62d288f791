import pytest
from PIL import Image, ImageOps

from search.doctor.measuring import LAYOUT, agreement, measure
from tests.catalog.samples import photo
from tests.search.doctor.conftest import blurred, demo


def test_measures_size_sharpness_spread_and_layout() -> None:
    quality = measure(demo(0))
    assert quality.side == 600
    assert quality.sharpness > 1
    assert 12 < quality.spread < 128
    assert quality.layout.shape == LAYOUT


def test_blurred_picture_is_less_sharp_whatever_it_shows() -> None:
    sharp = [measure(demo(number)).sharpness for number in range(0, 50, 7)]
    soft = [measure(blurred(demo(number))).sharpness for number in range(0, 50, 7)]
    assert max(soft) < min(sharp) / 2


def test_one_colour_has_no_spread() -> None:
    assert measure(Image.new("RGB", (300, 200), "teal")).spread == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2)])
def test_measures_the_smallest_pictures(size: tuple[int, int]) -> None:
    assert measure(photo(*size)).side == min(size)


def test_copies_agree_and_colours_do_not() -> None:
    layouts = [measure(demo(number)).layout for number in (0, 1)]
    copy = measure(ImageOps.mirror(demo(0)).reduce(2)).layout
    assert agreement(layouts[0], copy) > 0.99
    assert agreement(*layouts) < 0.93


def test_nothing_agrees_with_one_colour() -> None:
    plain = measure(Image.new("RGB", (300, 200), "teal")).layout
    assert agreement(plain, plain) == 0
