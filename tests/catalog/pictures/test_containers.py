"""What a file's structure may be: real files open, and a hostile one costs no more than they do."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from time import process_time

import pytest
from PIL import ExifTags, Image

from catalog.pictures.gate import ImageLimits, InvalidImage, open_image, without_metadata
from catalog.pictures.profiles import bounded
from tests.catalog.samples import SRGB, chunk, difference, encoded, photo, profile_of, table

DAMAGED = "damaged or incomplete"
FILM = photo(200, 131)  # no side is a multiple of a block
JPEGS = {
    "baseline": encoded(FILM, "JPEG"),
    "progressive": encoded(FILM, "JPEG", progressive=True),
    "4:4:4": encoded(FILM, "JPEG", subsampling=0, quality=95),
    "restarts by row": encoded(FILM, "JPEG", restart_marker_rows=1),
    "restarts by block": encoded(FILM, "JPEG", restart_marker_blocks=3),
    "grey": encoded(FILM.convert("L"), "JPEG"),
    "grey and progressive": encoded(FILM.convert("L"), "JPEG", progressive=True),
    "CMYK": encoded(FILM.convert("CMYK"), "JPEG"),
    "flat": encoded(Image.new("RGB", (200, 130), "grey"), "JPEG"),
    "flat and progressive": encoded(Image.new("L", (200, 130), 128), "JPEG", progressive=True),
}
TRAILER = b"\0\0\1\x0a\x08\0\0\0Image_UTC_Data1700000000000SEFH" + bytes(20) + b"SEFT"
JPEG, PNG, WEBP = (encoded(photo(), name) for name in ("JPEG", "PNG", "WEBP"))
EMPTY_SEGMENT = b"\xff\xe5\0\2"


@pytest.mark.parametrize("data", JPEGS.values(), ids=JPEGS)
def test_opens_a_jpeg_that_lacks_only_its_end_marker(data: bytes) -> None:
    assert data.endswith(b"\xff\xd9")
    assert difference(open_image(data[:-2]), open_image(data)) == 0
    assert difference(open_image(data[:-2] + TRAILER), open_image(data)) == 0


@pytest.mark.parametrize("data", JPEGS.values(), ids=JPEGS)
def test_refuses_a_jpeg_that_lacks_more(data: bytes) -> None:
    coded = data[:-2]
    for lost in (1, 2, 3, 10, 40, 100, len(coded) // 2):
        with pytest.raises(InvalidImage, match=DAMAGED):
            open_image(coded[:-lost])


def test_refuses_a_progressive_jpeg_that_lacks_its_last_scan() -> None:
    data = JPEGS["progressive"]
    with pytest.raises(InvalidImage, match=DAMAGED):
        open_image(data[: data.rindex(b"\xff\xda")])


def test_ignores_bytes_before_a_marker() -> None:
    fill = b"\xff" * 3_000_000
    data = JPEG[:2] + fill + JPEG[2:-2] + fill + JPEG[-2:]
    started = process_time()
    assert difference(open_image(data), open_image(JPEG)) == 0
    assert process_time() - started < 2


def with_chunks(*chunks: bytes, at: int = 33) -> bytes:
    return PNG[:at] + b"".join(chunks) + PNG[at:]


def unsound(data: bytes) -> bytes:
    """The chunk with a wrong checksum."""
    return data[:-1] + bytes([data[-1] ^ 1])


def profile_chunk(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"ICC\0\0" + zlib.compress(profile))


def in_pieces(data: bytes, size: int) -> bytes:
    """The PNG with its pixels in chunks of `size` bytes."""
    start = data.index(b"IDAT")
    (length,) = struct.unpack_from(">I", data, start - 4)
    body = data[start + 4 : start + 4 + length]
    pieces = (chunk(b"IDAT", body[at : at + size]) for at in range(0, length, size))
    return data[: start - 4] + b"".join(pieces) + data[start + 8 + length :]


PNGS = {
    "large compressed text": lambda: with_chunks(
        chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(3_000_000)))
    ),
    "much text": lambda: with_chunks(
        *(chunk(b"tEXt", b"key\0" + bytes(60_000)) for _ in range(50))
    ),
    "a large profile": lambda: with_chunks(profile_chunk(SRGB.ljust(3_000_000, b"\0"))),
    "a huge profile": lambda: with_chunks(profile_chunk(bytes(30_000_000))),
    "a profile that is no profile": lambda: with_chunks(chunk(b"iCCP", b"ICC\0\0broken")),
    "a wrong checksum of pHYs": lambda: with_chunks(unsound(chunk(b"pHYs", bytes(9)))),
    "a wrong checksum of iCCP": lambda: with_chunks(unsound(profile_chunk(SRGB))),
    "a wrong checksum of text behind the pixels": lambda: with_chunks(
        unsound(chunk(b"tEXt", b"a\0b")), at=-12
    ),
    "an unknown chunk": lambda: with_chunks(chunk(b"abCd", b"anything")),
    "pixels in small pieces": lambda: in_pieces(PNG, 7),
    "something behind its end": lambda: PNG + b"anything",
}


@pytest.mark.parametrize("make", PNGS.values(), ids=PNGS)
def test_opens_a_png_with(make: Callable[[], bytes]) -> None:
    assert difference(open_image(make()), photo()) <= 0.5


BAD_PNGS = {
    "a wrong checksum of its header": unsound(PNG[:33]) + PNG[33:],
    "a wrong checksum of its pixels": PNG[:-16] + bytes(4) + PNG[-12:],
    "no end": PNG[:-12],
    "half an end": PNG[:-1],
    "two headers": with_chunks(PNG[8:33]),
    "pixels in two places": with_chunks(chunk(b"IDAT", b""), chunk(b"tEXt", b"a\0b")),
    "an unknown critical chunk": with_chunks(chunk(b"CgBI", bytes(4))),
    "fewer pixels than declared": PNG[:16] + struct.pack(">I", 97) + PNG[20:],
}


@pytest.mark.parametrize("data", BAD_PNGS.values(), ids=BAD_PNGS)
def test_refuses_a_png_with(data: bytes) -> None:
    with pytest.raises(InvalidImage, match=DAMAGED):
        open_image(data)


FLOODS = {
    "JPEG markers": lambda: JPEG[:2] + EMPTY_SEGMENT * 2_500_000 + JPEG[2:],
    "JPEG Exif segments": lambda: JPEG[:2] + b"\xff\xe1\0\x0cExif\0\0abcd" * 700_000 + JPEG[2:],
    "JPEG restart markers outside a scan": lambda: JPEG[:2] + b"\xff\xd0" * 5_000_000 + JPEG[2:],
    "JPEG tables": lambda: (
        JPEG[:2]
        + (b"\xff\xdb\xff\xfe" + (b"\0" + b"\1" * 64) * 1_008 + b"\0" * 12) * 150
        + JPEG[2:]
    ),
    "PNG chunks": lambda: with_chunks(chunk(b"abCd", b"") * 800_000),
    "PNG pixels of no bytes": lambda: with_chunks(chunk(b"IDAT", b"") * 800_000),
    "GIF comments": lambda: encoded(photo(), "GIF").replace(
        b"\x2c\0\0\0\0", b"\x21\xfe" + b"\1a" * 5_000_000 + b"\0\x2c\0\0\0\0", 1
    ),
    "WebP chunks": lambda: (
        WEBP[:4]
        + struct.pack("<I", len(WEBP) - 8 + 8 * 1_200_000)
        + WEBP[8:]
        + b"abcd\0\0\0\0" * 1_200_000
    ),
}


@pytest.mark.parametrize("make", FLOODS.values(), ids=FLOODS)
def test_refuses_a_flood_at_once(make: Callable[[], bytes]) -> None:
    data = make()
    started = process_time()
    with pytest.raises(InvalidImage, match=rf"too many|{DAMAGED}"):
        open_image(data)
    assert process_time() - started < 2


def bits(*fields: tuple[int, int]) -> bytes:
    """Numbers of the given widths in bits, the lowest bit first."""
    value = place = 0
    for number, width in fields:
        value |= number << place
        place += width
    return value.to_bytes(place // 8 + 100, "little")


FINE = [(0, 1), (0, 1), (1, 1), (0, 3)]  # no transform, no cache of colours, blocks of 16 pixels
ONE_COLOUR = [(0, 1), *[(0b0001, 4)] * 5]  # five codes, each of one symbol that takes no bits
TRANSFORMS = [
    *((1, 1), (0, 2), (0, 3), *ONE_COLOUR),  # predictor
    *((1, 1), (2, 2)),  # green is subtracted
    *((1, 1), (3, 2), (255, 8), *ONE_COLOUR),  # a palette
]


@pytest.mark.parametrize("before", [[], TRANSFORMS], ids=["plain", "behind transforms"])
@pytest.mark.parametrize("name", [b"VP8L", b"ALPH"])
def test_refuses_a_webp_with_codes_for_each_few_pixels(
    name: bytes, before: list[tuple[int, int]]
) -> None:
    if name == b"VP8L":
        start = [(0x2F, 8), (511, 14), (511, 14), (0, 4)]
        chunks = [(name, bits(*start, *before, *FINE))]
    else:
        lossy = encoded(Image.new("RGB", (512, 512)), "WEBP")[20:]
        header = b"\x10\0\0\0\xff\1\0\xff\1\0"
        chunks = [(b"VP8X", header), (name, bits((1, 8), *before, *FINE)), (b"VP8 ", lossy)]
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) for name, body in chunks
    )
    with pytest.raises(InvalidImage, match="too many parts"):
        open_image(b"RIFF" + struct.pack("<I", len(body)) + body)


@pytest.mark.parametrize("method", [0, 4, 6])
@pytest.mark.parametrize("colours", [2, 16, 200, 256**3])
def test_opens_lossless_webps_with_all_kinds_of_transforms(method: int, colours: int) -> None:
    picture = FILM if colours > 256 else FILM.quantize(colours).convert("RGB")
    for quality in (0, 100):
        data = encoded(picture, "WEBP", lossless=True, method=method, quality=quality)
        assert difference(open_image(data), picture) == 0


def declared_smaller(data: bytes) -> bytes:
    """An AVIF or HEIF of 1200 x 1200 pixels that declares 100 x 100."""
    size = b"ispe" + bytes(4) + struct.pack(">II", 1200, 1200)
    assert size in data
    return data.replace(size, b"ispe" + bytes(4) + struct.pack(">II", 100, 100))


FLAT = Image.new("RGB", (1200, 1200), "teal")
CUT_OUT = FLAT.copy()
CUT_OUT.putalpha(100)
LIARS = {
    "AVIF": lambda: declared_smaller(encoded(FLAT, "AVIF")),
    "AVIF with transparency": lambda: declared_smaller(encoded(CUT_OUT, "AVIF")),
    "WebP": lambda: encoded(FLAT, "WEBP", icc_profile=SRGB).replace(
        b"\xaf\4\0\xaf\4\0", b"\x63\0\0\x63\0\0", 1
    ),
    "animated WebP": lambda: encoded(FLAT, "WEBP", save_all=True, append_images=[CUT_OUT]).replace(
        b"\xaf\4\0\xaf\4\0", b"\x63\0\0\x63\0\0"
    ),
}


@pytest.mark.parametrize("make", LIARS.values(), ids=LIARS)
def test_refuses_a_picture_larger_than_it_declares(make: Callable[[], bytes]) -> None:
    with pytest.raises(InvalidImage, match=DAMAGED):
        open_image(make())


def described(name: str, orientation: int) -> bytes:
    """A picture with all kinds of metadata, each of which says "secret"."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "secret"
    exif[ExifTags.Base.Orientation] = orientation
    options = {"exif": exif, "icc_profile": SRGB, "xmp": b"<x>secret</x>", "lossless": True}
    data = encoded(photo(), name, **options, comment=b"secret", quality=95)
    return data if name == "WEBP" else data + b"secret"


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_takes_the_metadata_from_a_file(name: str, orientation: int) -> None:
    data = described(name, orientation)
    plain = without_metadata(data)
    assert plain is not None
    assert b"secret" in data
    assert b"secret" not in plain
    assert difference(open_image(plain), open_image(data)) == 0
    assert open_image(plain).size == open_image(data).size
    assert Image.open(BytesIO(plain)).info["icc_profile"] == bounded(SRGB)
    assert Image.open(BytesIO(plain)).getexif().get(ExifTags.Base.Orientation, 1) == orientation
    assert without_metadata(plain) == plain


def test_takes_the_metadata_only_from_formats_it_writes() -> None:
    for name in ("GIF", "AVIF", "BMP"):
        assert without_metadata(encoded(photo(), name)) is None


def test_takes_the_metadata_only_from_pictures_within_the_limits() -> None:
    data = encoded(photo(200, 131), "JPEG")
    for limits in (ImageLimits(side=199), ImageLimits(pixels=26_000), ImageLimits(bytes=100)):
        assert without_metadata(data, limits=limits) is None


def test_keeps_a_large_profile_of_a_jpeg_in_pieces() -> None:
    profile = profile_of(("A2B0", table(3, points=40)))
    plain = without_metadata(encoded(photo(), "JPEG", icc_profile=profile))
    assert len(profile) > 2 * 65_535
    assert Image.open(BytesIO(plain or b"")).info["icc_profile"] == profile
