import struct

import pytest
from PIL import ExifTags, Image

from catalog.pictures.gate import open_image
from tests.catalog.samples import difference, encoded, photo

FORMATS = ["JPEG", "PNG", "WEBP", "AVIF"]
# How a camera that was held so stores an upright picture.
STORED = {
    1: (),
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.ROTATE_90, Image.Transpose.FLIP_TOP_BOTTOM),
    6: (Image.Transpose.ROTATE_90,),
    7: (Image.Transpose.ROTATE_270, Image.Transpose.FLIP_TOP_BOTTOM),
    8: (Image.Transpose.ROTATE_270,),
}


def tiff(order: str, *entries: tuple[int, int, int, int]) -> bytes:
    head = b"MM\0*\0\0\0\x08" if order == ">" else b"II*\0\x08\0\0\0"
    body = b"".join(struct.pack(order + "HHIHxx", *entry) for entry in entries)
    return b"Exif\0\0" + head + struct.pack(order + "H", len(entries)) + body + bytes(4)


ORIENTATION_6 = (ExifTags.Base.Orientation, 3, 1, 6)
BROKEN = {
    "empty": b"Exif\0\0",
    "noise": b"Exif\0\0" + bytes(range(255)),
    "cut": tiff(">", ORIENTATION_6)[:20],
    "no such value": tiff("<", (ExifTags.Base.Orientation, 3, 1, 9)),
    "tags longer than the file": tiff(">", *((tag, 7, 2**31, 8) for tag in range(1000, 1400))),
    "a directory outside": b"Exif\0\0MM\0*\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("orientation", STORED)
def test_turns_upright(name: str, orientation: int) -> None:
    stored, exif = photo(), Image.Exif()
    for step in STORED[orientation]:
        stored = stored.transpose(step)
    exif[ExifTags.Base.Orientation] = orientation
    picture = open_image(encoded(stored, name, exif=exif, quality=95))
    assert picture.size == photo().size
    assert difference(picture, photo()) < 5


@pytest.mark.parametrize("order", ["<", ">"])
def test_reads_both_byte_orders(order: str) -> None:
    exif = tiff(order, (ExifTags.Base.Compression, 3, 1, 6), ORIENTATION_6)
    assert open_image(encoded(photo(), "JPEG", exif=exif)).size == (64, 96)


def test_turns_a_reduced_picture() -> None:
    data = encoded(photo(), "JPEG", exif=tiff(">", ORIENTATION_6))
    assert open_image(data, at_least=16).size == (16, 24)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("exif", BROKEN.values(), ids=BROKEN)
def test_leaves_a_picture_of_broken_exif_as_it_is(name: str, exif: bytes) -> None:
    assert difference(open_image(encoded(photo(), name, exif=exif)), photo()) < 12


def test_opens_an_avif_of_broken_exif() -> None:
    sound, broken = struct.pack(">HI", 7, 4), struct.pack(">HI", 7, 2**31)
    data = encoded(photo(), "AVIF", exif=tiff(">", *((tag, 7, 4, 8) for tag in range(1000, 1400))))
    assert data.count(sound) == 400
    assert open_image(data.replace(sound, broken)).size == photo().size
