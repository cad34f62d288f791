"""The same picture in another mode comes out with the same pixels."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from catalog.pictures.colours import srgb_converter
from catalog.pictures.gate import open_image
from tests.catalog.samples import SRGB, difference, encoded, ink_profile, photo

GREY = photo().convert("L")
PALETTE = photo().quantize(64)
DEEP = np.maximum(np.asarray(GREY, dtype=np.int32) * 257 - 100, 0).astype(np.uint16)
LAB = ImageCms.profileToProfile(
    photo(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
)
SWAPPED = SRGB.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")

# (what comes in, what it means, how many levels of 255 they may differ on average)
FILES = {
    "RGB": (encoded(photo(), "PNG"), photo(), 0),
    "grey": (encoded(GREY, "PNG"), GREY, 0),
    "grey JPEG": (encoded(GREY, "JPEG", quality=95), GREY, 1),
    "16-bit grey": (encoded(Image.fromarray(DEEP), "PNG"), GREY, 0),
    "one bit": (encoded(photo().convert("1"), "PNG"), photo().convert("1"), 0),
    "palette": (encoded(PALETTE, "PNG"), PALETTE, 0),
    "palette GIF": (encoded(PALETTE, "GIF"), PALETTE, 0),
    "opaque alpha": (encoded(photo().convert("RGBA"), "PNG"), photo(), 0),
    "opaque grey alpha": (encoded(GREY.convert("LA"), "PNG"), GREY, 0),
    "CMYK": (encoded(photo().convert("CMYK"), "JPEG", quality=98), photo(), 1),
    "lossless WebP": (encoded(photo(), "WEBP", lossless=True), photo(), 0),
    "WebP": (encoded(photo(), "WEBP", quality=95), photo(), 4),
    "AVIF": (encoded(photo(), "AVIF", quality=95), photo(), 4),
    "sRGB profile": (encoded(photo(), "PNG", icc_profile=SRGB), photo(), 0.5),
    "broken profile": (encoded(photo(), "PNG", icc_profile=b"broken" * 50), photo(), 0),
    "cut profile": (encoded(photo(), "JPEG", quality=98, icc_profile=SRGB[:200]), photo(), 2),
    "profile of other channels": (encoded(GREY, "PNG", icc_profile=SRGB), GREY, 0),
    "profile that swaps red and blue": (
        encoded(photo(), "PNG", icc_profile=SWAPPED),
        Image.merge("RGB", photo().split()[::-1]),
        1,
    ),
}
PICTURES = {
    "LAB": (LAB, photo(), 1),
    "I": (Image.fromarray(DEEP.astype(np.int32)), GREY, 0),
    "I;16B": (Image.frombytes("I;16B", GREY.size, DEEP.astype(">u2").tobytes()), GREY, 0),
    "F to 1": (Image.fromarray(np.asarray(GREY, dtype=np.float32) / 255), GREY, 0),
    "F to 255": (GREY.convert("F"), GREY, 0),
    "PA": (PALETTE.convert("PA"), PALETTE, 0),
    "La": (GREY.convert("LA").convert("La"), GREY, 0),
    "YCbCr": (photo().convert("YCbCr"), photo(), 2),
}


@pytest.mark.parametrize(("data", "meant", "tolerance"), FILES.values(), ids=FILES)
def test_keeps_what_a_file_means(data: bytes, meant: Image.Image, tolerance: float) -> None:
    assert difference(open_image(data), meant) <= tolerance


@pytest.mark.parametrize(("picture", "meant", "tolerance"), PICTURES.values(), ids=PICTURES)
def test_converts(picture: Image.Image, meant: Image.Image, tolerance: float) -> None:
    assert difference(srgb_converter(picture)(picture), meant) <= tolerance


def test_converts_all_strips_alike() -> None:
    large = photo(1_500, 1_400)  # two million pixels: three strips
    assert difference(open_image(encoded(large, "PNG", icc_profile=SRGB)), large) < 0.5


@pytest.mark.parametrize(
    ("name", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("AVIF", {"quality": 100})],
)
def test_lays_hidden_colours_on_white(name: str, options: dict[str, object]) -> None:
    alpha = Image.linear_gradient("L").resize(photo().size)
    cut_out, meant = photo(), Image.new("RGB", photo().size, "white")
    cut_out.putalpha(alpha)
    meant.paste(photo(), mask=alpha)
    assert difference(open_image(encoded(cut_out, name, **options)), meant) < 1.5


@pytest.mark.parametrize("name", ["PNG", "GIF"])
def test_lays_a_transparent_palette_colour_on_white(name: str) -> None:
    index = PALETTE.getpixel((0, 0))
    meant = np.asarray(PALETTE.convert("RGB")).copy()
    meant[np.asarray(PALETTE) == index] = 255
    data = encoded(PALETTE, name, transparency=index)
    assert difference(open_image(data), Image.fromarray(meant)) == 0


def test_lays_a_half_transparent_palette_on_white() -> None:
    picture = open_image(encoded(PALETTE, "PNG", transparency=bytes([128] * 64)))
    meant = Image.blend(PALETTE.convert("RGB"), Image.new("RGB", PALETTE.size, "white"), 0.498)
    assert difference(picture, meant) < 1


@pytest.mark.parametrize("picture", [photo(), GREY], ids=lambda picture: picture.mode)
def test_lays_a_key_colour_on_white(picture: Image.Image) -> None:
    meant = np.asarray(picture.convert("RGB")).copy()
    meant[(meant == meant[0, 0]).all(axis=-1)] = 255
    data = encoded(picture, "PNG", transparency=picture.getpixel((0, 0)))
    assert difference(open_image(data), Image.fromarray(meant)) == 0


def test_honours_a_profile_for_ink() -> None:
    cyan = Image.new("CMYK", (64, 64), (255, 0, 0, 0))
    plain = open_image(encoded(cyan, "JPEG", quality=98)).getpixel((32, 32))
    printed = open_image(encoded(cyan, "JPEG", quality=98, icc_profile=ink_profile()))
    assert plain == pytest.approx((0, 255, 255), abs=3)
    assert printed.getpixel((32, 32)) == pytest.approx((0, 0, 0), abs=3)
