import sys
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from catalog.pictures.gate import ImageLimits, InvalidImage, open_image
from tests.catalog.samples import FORMATS, chunk, encoded, photo, png, zeros

UNREADABLE = "not a picture we can read"
DAMAGED = "damaged or incomplete"
JPEG = encoded(photo(), "JPEG")
PNG = encoded(photo(), "PNG")
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"


# What takes long to make is made by the test.
REFUSED: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "nothing at all": (b"", UNREADABLE),
    "zero bytes": (bytes(1000), UNREADABLE),
    "text": (b"a red dress", UNREADABLE),
    "HTML": (b"<!doctype html><script>alert(1)</script>", UNREADABLE),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', UNREADABLE),
    "PDF": (encoded(photo(), "PDF"), UNREADABLE),
    "EPS": (encoded(photo(), "EPS"), UNREADABLE),
    "TIFF": (encoded(photo(), "TIFF"), UNREADABLE),
    "PSD": (b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\1\0\0\0\1\0\x08\0\3" + bytes(40), UNREADABLE),
    "ICO": (encoded(photo(), "ICO"), UNREADABLE),
    "BMP": (encoded(photo(), "BMP"), UNREADABLE),
    "JPEG 2000": (encoded(photo(), "JPEG2000"), UNREADABLE),
    "a picture inside other bytes": (b"<html>" + JPEG, UNREADABLE),
    "a PNG without pixels": (png(64, 64).replace(chunk(b"IDAT", b""), b""), DAMAGED),
    "a PNG with a wrong checksum": (PNG[:-16] + bytes(4) + PNG[-12:], DAMAGED),
    "a PNG without its end mark": (PNG[:-12], DAMAGED),
    "a PNG of no width": (png(0, 64), DAMAGED),
    "a WebP with nothing in it": (b"RIFF\x10\0\0\0WEBPVP8 \4\0\0\0" + bytes(4), DAMAGED),
    "an AVIF with nothing in it": (b"\0\0\0\x10ftypavif" + bytes(16), DAMAGED),
    "a bomb by its header": (png(65_000, 65_000), "has 4,225 million pixels; at most 50 million"),
    "a bomb of 20 kB": (
        lambda: png(13_000, 13_000, depth=1, pixels=zeros(13_000 * 1_626)),
        "169 million",
    ),
    "a bomb of one bit": (
        lambda: png(20_000, 20_000, depth=1, pixels=zeros(20_000 * 2_501)),
        "400 million",
    ),
    "a bomb Pillow lets through": (
        png(9_400, 9_500),
        "has 89.3 million pixels; at most 50 million",
    ),
    "a bomb in a GIF": (
        b"GIF89a" + b"\xff" * 4 + encoded(photo(), "GIF")[10:],
        "4,294.836225 million",
    ),
    "a hair": (png(1, 65_500), "is 65500 pixels long; at most 20000"),
    "a ribbon": (png(2_100, 100), "more than 20 times as long"),
    "a large WebP": (
        lambda: encoded(Image.new("1", (7_000, 4_001)), "WEBP"),
        "at most 27.6 million",
    ),
    "a JPEG of endless scans": (
        lambda: encoded(Image.new("L", (5_000, 5_000)), "JPEG")[:-2] + SCAN * 50 + b"\xff\xd9",
        "too many scans",
    ),
    "more than ten megabytes": (JPEG + bytes(10 * 2**20), "too large; the maximum is 10 MB"),
}


@pytest.mark.parametrize(("data", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refuses(data: bytes | Callable[[], bytes], sentence: str) -> None:
    with pytest.raises(InvalidImage, match=sentence):
        open_image(data if isinstance(data, bytes) else data())


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("name", FORMATS)
def test_refuses_truncated(name: str, share: float) -> None:
    data = encoded(photo(), name)
    with pytest.raises(InvalidImage):
        open_image(data[: int(len(data) * share)])


def test_names_formats_a_person_can_use() -> None:
    with pytest.raises(InvalidImage, match=r"Use JPEG, PNG, WebP, GIF or AVIF\.$"):
        open_image(b"GIF")


def test_survives_random_damage() -> None:
    random = np.random.default_rng(7)
    for data in [encoded(photo(), name) for name in FORMATS] * 60:
        damaged = bytearray(data)
        for place in random.integers(0, min(len(data), 400), 4):
            damaged[place] = random.integers(256)
        with suppress(InvalidImage):
            assert open_image(bytes(damaged)).mode == "RGB"


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (ImageLimits(bytes=2**10), "too large; the maximum is 0.0009765625 MB"),
        (ImageLimits(pixels=6_000), "has 0.006144 million pixels; at most 0.006 million"),
        (ImageLimits(side=90), "is 96 pixels long; at most 90"),
        (ImageLimits(aspect_ratio=1.4), "more than 1.4 times"),
        (ImageLimits(formats=("PNG", "GIF")), "Use PNG or GIF."),
    ],
)
def test_takes_limits(limits: ImageLimits, sentence: str) -> None:
    with pytest.raises(InvalidImage, match=sentence):
        open_image(JPEG, limits=limits)


def test_asks_for_the_package_heif_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ModuleNotFoundError, match="need the package pillow-heif"):
        ImageLimits(formats=("JPEG", "HEIF"))
