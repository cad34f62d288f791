"""Colour profiles are honoured as far as their cost is bounded."""

import struct
from time import process_time

import pytest
from PIL import Image

from catalog.pictures.gate import open_image
from catalog.pictures.profiles import bounded
from tests.catalog.samples import SRGB, difference, encoded, ink_profile, photo, profile_of, table

FORMATS = ["JPEG", "PNG", "WEBP", "AVIF"]


def elements(number: int) -> bytes:
    """A "mpet" tag of that many elements, all of which are one matrix."""
    place = 16 + 8 * number
    matrix = b"matf" + bytes(4) + struct.pack(">HH12f", 3, 3, *(1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0))
    head = b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, number)
    return head + struct.pack(">II", place, len(matrix)) * number + matrix


def tags_of(profile: bytes) -> dict[str, bytes]:
    (number,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * at) for at in range(number))
    return {name.decode(): profile[start : start + size] for name, start, size in entries}


BLACK = table(3, points=2)
CURVE = b"curv" + bytes(4)
CHAIN = ("D2B0", elements(100_000))
HARMFUL = {
    "a chain of elements": profile_of(CHAIN),
    "a chain as its table": profile_of(("A2B0", CHAIN[1])),
    "a chain in place of a curve": profile_of(
        *((name, CHAIN[1] if name == "rTRC" else body) for name, body in tags_of(SRGB).items())
    ),
    "a table that announces too much": profile_of(("A2B0", BLACK[:10] + b"\xff" + BLACK[11:])),
    "a table of another number of channels": profile_of(("A2B0", table(4, points=2))),
    "a table that is too large": profile_of(("A2B0", table(3, points=112))),
    "a curve that announces more than it holds": profile_of(
        *(
            (name, CURVE + struct.pack(">I", 2**31) if name == "gTRC" else body)
            for name, body in tags_of(SRGB).items()
        )
    ),
    "a link between devices": ink_profile().replace(b"prtrCMYK", b"linkCMYK"),
    "fifteen inks": profile_of(("A2B0", table(3, points=2)), space="FCLR"),
    "a hundred thousand tags": SRGB[:128] + struct.pack(">I", 100_000) + SRGB[132:],
    "nothing": SRGB[:132],
    "a broken header": b"broken" * 50,
}


@pytest.mark.parametrize("profile", HARMFUL.values(), ids=HARMFUL)
def test_takes_the_pixels_as_srgb_if_a_profile_has(profile: bytes) -> None:
    started = process_time()
    assert difference(open_image(encoded(photo(), "PNG", icc_profile=profile)), photo()) <= 0.5
    assert process_time() - started < 1


@pytest.mark.parametrize("name", FORMATS)
def test_uses_the_harmless_part_of_a_profile(name: str) -> None:
    profile = profile_of(("A2B0", BLACK), CHAIN)
    started = process_time()
    assert open_image(encoded(photo(), name, icc_profile=profile)).getextrema() == ((0, 0),) * 3
    assert process_time() - started < 1


def test_keeps_no_tag_that_colours_do_not_need() -> None:
    kept = tags_of(bounded(SRGB))
    assert set(tags_of(SRGB)) - set(kept) == {"desc", "cprt", "chrm"}
    assert all(body == tags_of(SRGB)[name] for name, body in kept.items())
    assert bounded(bounded(SRGB)) == bounded(SRGB)


def test_converts_a_large_picture_after_it_was_halved() -> None:
    profile = profile_of(("A2B0", BLACK))
    large = Image.new("RGB", (4_100, 4_000), "red")
    data = encoded(large, "PNG", icc_profile=profile, compress_level=1)
    assert open_image(data, at_least=448).getextrema() == ((0, 0),) * 3
