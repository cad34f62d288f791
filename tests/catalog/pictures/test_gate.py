from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from time import process_time

import numpy as np
import pytest
from PIL import ExifTags, Image

from catalog.pictures.gate import encode_image, open_image
from tests.catalog.samples import FORMATS, SRGB, chunk, difference, encoded, photo, png, zeros

JPEG = encoded(photo(), "JPEG", quality=95)
FRAMES = {"save_all": True, "append_images": [photo().rotate(180)] * 3}
PNG = encoded(photo(), "PNG")
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"


def labelled(text: bytes) -> bytes:
    return PNG[:33] + chunk(b"tEXt", text) + PNG[33:]


ACCEPTED = {
    **{name: encoded(photo(), name) for name in FORMATS},
    "a progressive JPEG": encoded(photo(), "JPEG", progressive=True),
    "a multi-picture JPEG": encoded(photo(), "MPO", **FRAMES),
    "a JPEG with a page behind it": JPEG + b"<script>alert(1)</script>",
    "a JPEG with an archive behind it": JPEG + b"PK\x03\x04" + bytes(range(256)) * 50,
    "an interlaced GIF": encoded(photo(), "GIF", interlace=1),
    "a GIF without its end mark": encoded(photo(), "GIF")[:-1],
    "a multi-picture JPEG of endless scans": encoded(photo(), "MPO", **FRAMES) + SCAN * 2_000,
    "a PNG whose text poses as a profile": labelled(b"icc_profile\0sRGB"),
    "a PNG whose text poses as transparency": labelled(b"transparency\0all"),
    "an animated GIF": encoded(photo(), "GIF", **FRAMES),
    "an animated PNG": encoded(photo(), "PNG", **FRAMES),
    "an animated WebP": encoded(photo(), "WEBP", **FRAMES),
    "an animated AVIF": encoded(photo(), "AVIF", **FRAMES),
}


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED)
def test_opens(data: bytes) -> None:
    picture = open_image(data)
    assert picture.mode == "RGB"
    assert not picture.info
    assert difference(picture, photo()) < 12  # the first frame; the others differ by 60


def test_opens_the_smallest_picture() -> None:
    data = encoded(Image.new("RGB", (1, 1), "red"), "PNG")
    assert open_image(data, at_least=224).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("at_least", "size"),
    [(None, (640, 416)), (416, (640, 416)), (209, (640, 416)), (208, (320, 208)), (12, (20, 13))],
)
def test_halves_while_enough_is_left(
    name: str, at_least: int | None, size: tuple[int, int]
) -> None:
    picture = open_image(encoded(photo(640, 416), name), at_least=at_least)
    assert picture.size == size
    assert difference(picture, photo(640, 416).resize(size, Image.Resampling.BOX)) < 3


def test_decodes_a_halved_jpeg_for_a_fraction_of_the_cost() -> None:
    data = encoded(photo(4_000, 3_000), "JPEG")

    def cost(at_least: int | None) -> float:
        started = process_time()
        open_image(data, at_least=at_least)
        return process_time() - started

    full, halved = (min(cost(at_least) for _ in range(5)) for at_least in (None, 448))
    assert halved < full / 2


def test_halves_a_huge_picture_in_any_case() -> None:
    data = png(5_200, 5_000, depth=1, pixels=zeros(5_000 * 651))
    assert open_image(data).size == (2_600, 2_500)


def test_opens_many_at_once() -> None:
    files = list(ACCEPTED.values()) * 4
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(open_image, files))
    assert all(
        difference(one, open_image(data)) == 0 for one, data in zip(together, files, strict=True)
    )


def test_encodes_a_jpeg_of_the_longest_side() -> None:
    for longest_side, size in ((300, (300, 200)), (600, (600, 400)), (2_000, (600, 400))):
        copy = Image.open(BytesIO(encode_image(photo(600, 400), longest_side=longest_side)))
        assert (copy.format, copy.size) == ("JPEG", size)
        assert difference(copy, photo(*size)) < 3


def test_encodes_the_same_bytes_again() -> None:
    assert encode_image(photo(), longest_side=64) == encode_image(photo(), longest_side=64)


def test_encodes_no_metadata() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.GPSInfo] = {ExifTags.GPS.GPSLatitude: (52.0, 31.0, 12.0)}
    exif[ExifTags.Base.Make] = "Camera"
    data = encoded(
        photo(), "JPEG", exif=exif, icc_profile=SRGB, comment=b"Camera", xmp=b"<x>Camera</x>"
    )
    copy = encode_image(open_image(data + b"Camera"), longest_side=96)
    assert b"Camera" in data
    assert b"Camera" not in copy
    assert set(Image.open(BytesIO(copy)).info) == {
        "jfif",
        "jfif_version",
        "jfif_unit",
        "jfif_density",
    }


def test_leaves_the_encoded_picture_alone() -> None:
    picture = photo()
    picture.info["comment"] = b"kept"
    assert b"kept" not in encode_image(picture, longest_side=10)
    assert (picture.size, picture.info) == ((96, 64), {"comment": b"kept"})


def test_encodes_noise_which_no_format_makes_small() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), dtype=np.uint8)
    copy = Image.open(BytesIO(encode_image(Image.fromarray(noise), longest_side=1200)))
    assert copy.size == (1200, 1200)
