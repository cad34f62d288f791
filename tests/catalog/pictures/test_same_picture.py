"""The same picture in whatever form has the same vector, by the real network."""

from functools import partial
from io import BytesIO

import numpy as np
import pytest
from PIL import ExifTags, Image

from catalog.embedders.runtime import Embedder
from catalog.pictures.gate import open_image
from tests.catalog.pictures.test_orientation import STORED
from tests.catalog.samples import FORMATS, encoded
from tests.conftest import FIXTURES

PHOTO = Image.open(BytesIO((FIXTURES / "queries/11-sneaker.jpg").read_bytes())).convert("RGB")
GREY = PHOTO.convert("L")
DEEP = Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257)  # 16 bits a pixel
CLEAR = PHOTO.copy()
CLEAR.putalpha(255)


def vector(embedder: Embedder, data: bytes) -> np.ndarray:
    picture = open_image(data, at_least=embedder.detail)
    return embedder.embed(embedder.pixels(picture)[np.newaxis])[0]


FORMS = {
    "RGB in PNG": (lambda: encoded(PHOTO, "PNG"), PHOTO, 0.99),
    "CMYK in JPEG": (lambda: encoded(PHOTO.convert("CMYK"), "JPEG", quality=95), PHOTO, 0.98),
    "a palette": (lambda: encoded(PHOTO.quantize(256), "PNG"), PHOTO, 0.98),
    "a palette with transparency": (
        lambda: encoded(PHOTO.quantize(255), "PNG", transparency=255),
        PHOTO,
        0.98,
    ),
    "transparency in PNG": (lambda: encoded(CLEAR, "PNG"), PHOTO, 0.99),
    "transparency in WebP": (lambda: encoded(CLEAR, "WEBP", lossless=True), PHOTO, 0.99),
    "8-bit grey": (lambda: encoded(GREY, "PNG"), GREY.convert("RGB"), 0.99),
    "16-bit grey": (lambda: encoded(DEEP, "PNG"), GREY.convert("RGB"), 0.99),
    **{name: (partial(encoded, PHOTO, name, quality=95), PHOTO, 0.98) for name in FORMATS},
}


@pytest.mark.parametrize("form", FORMS)
def test_has_the_same_vector(embedder: Embedder, form: str) -> None:
    make, same, least = FORMS[form]
    cosine = vector(embedder, make()) @ vector(embedder, encoded(same, "PNG"))
    assert cosine >= least


@pytest.mark.parametrize("orientation", STORED)
def test_has_the_same_vector_however_the_camera_was_held(
    embedder: Embedder, orientation: int
) -> None:
    stored, exif = PHOTO, Image.Exif()
    for step in STORED[orientation]:
        stored = stored.transpose(step)
    exif[ExifTags.Base.Orientation] = orientation
    turned = vector(embedder, encoded(stored, "PNG", exif=exif))
    assert turned @ vector(embedder, encoded(PHOTO, "PNG")) >= 0.99


def test_another_picture_has_another_vector(embedder: Embedder) -> None:
    other = sorted((FIXTURES / "queries").iterdir())[0].read_bytes()
    assert vector(embedder, other) @ vector(embedder, encoded(PHOTO, "PNG")) < 0.9
