"""The one gate for pictures: bytes in, an upright sRGB picture out, or `InvalidImage`."""

import struct
import warnings
import zlib
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO

import numpy as np

# Importing a plug-in registers it; `Image.open` would otherwise load all forty on first use.
from PIL import (
    AvifImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from catalog.pictures.colours import srgb_converter
from catalog.pictures.orientation import hide_exif, orientation, turn_upright

# Set once, here: `warnings.catch_warnings` around each call is not safe between threads.
warnings.simplefilter("error", Image.DecompressionBombWarning)

_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow 13 was seen to raise on broken bytes. The last line: AVIF files, PNGs without pixels,
# PNGs whose text poses as a profile, and warnings where a process turns them into errors.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error),
    *(RuntimeError, IndexError, TypeError, ZeroDivisionError, Warning),
)
_STRIP = 1_000_000  # pixels converted at a time
# Decoding holds four bytes a pixel, six in a progressive JPEG; in these formats up to sixteen, in
# a progressive CMYK eight. Measured at 50 million pixels: 805 MB of WebP, 660 of AVIF.
_SHARE_OF_PIXELS = {"WEBP": 0.4, "AVIF": 0.4, "HEIF": 0.4, "CMYK": 0.8}
_MOST_RETURNED = 25_000_000  # pixels, so that two copies of them stay under 400 MB, too
# Each scan of a progressive JPEG costs half a nanosecond a pixel, however short it is: 10 MB of
# them would keep a core busy for half an hour. Encoders write ten, a thumbnail may add some more.
_SCANNED_PIXELS = 5_000_000_000


class InvalidImage(Exception):
    """These bytes are not a picture we take; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is let in. `side` is the longest one, in pixels; `aspect_ratio` is long to short.

    "HEIF" may join the formats where the package pillow-heif is installed; `ModuleNotFoundError`
    says so where it is not.
    """

    bytes: int = 10 * 2**20
    pixels: int = 50_000_000
    side: int = 20_000
    aspect_ratio: float = 20.0
    formats: tuple[str, ...] = ("JPEG", "PNG", "WebP", "GIF", "AVIF")

    def __post_init__(self) -> None:
        if "HEIF" in self.formats:
            _register_heif()


def open_image(
    data: bytes, *, limits: ImageLimits = ImageLimits(), at_least: int | None = None
) -> Image.Image:
    """Return the first frame of `data`, upright, as a plain sRGB picture of mode "RGB".

    Given `at_least` (1 or more), the picture comes back halved as often as its shorter side keeps
    that many pixels. One of more than 25 million pixels is halved in any case: opening takes less
    than 400 MB. Raises `InvalidImage`.
    """
    if len(data) > limits.bytes:
        most = limits.bytes / 2**20
        raise InvalidImage(f"The file is too large; at most {most:g} MB are allowed.")
    try:
        picture, turn = _decode(hide_exif(data), limits, at_least)
    except (*_BOMBS, *_DAMAGE) as error:
        raise InvalidImage(_sentence(error, limits)) from error
    return turn_upright(picture, turn)


def encode_image(picture: Image.Image, *, longest_side: int, quality: int = 95) -> bytes:
    """Return `picture` (mode "RGB") as a JPEG without metadata, scaled down where larger."""
    copy = picture.copy()
    copy.info.clear()  # Pillow would write its comment and its profile
    copy.thumbnail((longest_side, longest_side), reducing_gap=3.0)
    output = BytesIO()
    # At the usual 90 with halved colours the same photo, uploaded, scored 0.9992 and not 0.9998.
    # Not optimised: Pillow would want room for it all at once, and underrates what noise takes.
    copy.save(output, "JPEG", quality=quality, subsampling=0)
    return output.getvalue()


def _decode(data: bytes, limits: ImageLimits, at_least: int | None) -> tuple[Image.Image, int]:
    source = Image.open(BytesIO(data), formats=limits.formats)
    _check_size(source, limits)
    _check_scans(source, data)
    # Pillow reads a PNG without its last bytes; verify() misses them, on a picture of its own.
    Image.open(BytesIO(data), formats=limits.formats).verify()
    factor = _reduction(source.size, at_least)
    source.draft(None, (source.width // factor, source.height // factor))  # JPEG: by eight at most
    source.load()
    return _shrunk(source, _reduction(source.size, at_least)), orientation(source)


def _check_size(source: ImageFile.ImageFile, limits: ImageLimits) -> None:
    short, long = sorted(source.size)
    kinds = (source.format or "", source.mode)
    pixels = int(limits.pixels * min(_SHARE_OF_PIXELS.get(kind, 1.0) for kind in kinds))
    if short * long > pixels:
        raise InvalidImage(
            f"The picture has {short * long / 1e6:.10g} million pixels; {_at_most(pixels)}."
        )
    if long > limits.side:
        raise InvalidImage(f"The picture is {long} pixels long; at most {limits.side} are allowed.")
    if long > short * limits.aspect_ratio:
        raise InvalidImage(
            f"The picture is more than {limits.aspect_ratio:g} times as long as wide."
        )


def _check_scans(source: ImageFile.ImageFile, data: bytes) -> None:
    if source.format != "JPEG":
        return
    codes = np.frombuffer(data, np.uint8)  # in which data.count() would take longer
    scans = np.count_nonzero((codes[:-1] == 0xFF) & (codes[1:] == 0xDA))
    if scans * source.width * source.height > _SCANNED_PIXELS:
        raise InvalidImage("This JPEG is made of too many scans. Save it again without them.")


def _sentence(error: Exception, limits: ImageLimits) -> str:
    if isinstance(error, _BOMBS):
        return f"The picture has too many pixels; {_at_most(limits.pixels)}."
    if isinstance(error, UnidentifiedImageError):
        *others, last = limits.formats
        return f"This is not a picture we can read. Use {', '.join(others)} or {last}."
    return "The picture is damaged or incomplete. Save or copy it again."


def _at_most(pixels: int) -> str:
    return f"at most {pixels / 1e6:.10g} million are allowed"


def _reduction(size: tuple[int, int], at_least: int | None) -> int:
    factor = 1
    while at_least is not None and min(size) >= 2 * factor * at_least:
        factor *= 2
    while size[0] * size[1] > factor**2 * _MOST_RETURNED:
        factor *= 2
    return factor


def _shrunk(source: Image.Image, factor: int) -> Image.Image:
    # Strip by strip, so that converting needs no second or third copy at full size.
    to_srgb = srgb_converter(source)
    width, height = source.size
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = max(1, _STRIP // (width * factor)) * factor
    for top in range(0, height, rows):
        strip = source.crop((0, top, width, min(top + rows, height)))
        converted = to_srgb(strip)
        result.paste(converted.reduce(factor) if factor > 1 else converted, (0, top // factor))
    return result


def _register_heif() -> None:
    try:
        import_module("pillow_heif").register_heif_opener()
    except ModuleNotFoundError as error:
        message = "HEIF pictures need the package pillow-heif, which is not installed."
        raise ModuleNotFoundError(message) from error
