import numpy as np
from PIL import Image

from catalog.embedders.preprocessing import squares, to_pixels


def test_shows_the_centre_and_keeps_the_shape_of_things() -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (100, 0, 200, 100))
    centre, _ = to_pixels(wide, 50)
    assert (centre[:, 2:-2] == (0, 0, 255)).all()  # the filter blends in what is beside it


def test_shows_the_whole_on_its_mean_colour() -> None:
    tall = Image.new("RGB", (100, 200), "red")
    tall.paste("blue", (0, 100, 100, 200))
    _, whole = to_pixels(tall, 40)
    assert (whole[:18, 10:30] == (255, 0, 0)).all()
    assert (whole[22:, 10:30] == (0, 0, 255)).all()
    assert (whole[:, :10] == (128, 0, 128)).all()
    assert (whole[:, 30:] == (128, 0, 128)).all()


def test_shows_a_square_twice_alike() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    centre, whole = to_pixels(Image.fromarray(noise), 50)
    assert np.array_equal(centre, whole)


def test_takes_the_narrowest_strip() -> None:
    assert to_pixels(Image.new("RGB", (2000, 1), "red"), 50).shape == (2, 50, 50, 3)


def test_squares_are_the_largest_within_and_the_smallest_around() -> None:
    assert squares(300, 100) == ((100, 0, 200, 100), (0, -100, 300, 200))
    assert squares(100, 100) == ((0, 0, 100, 100), (0, 0, 100, 100))
