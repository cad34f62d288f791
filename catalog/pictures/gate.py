"""The only place that decodes pictures: bytes in, an upright sRGB picture out, or `InvalidImage`.

EXIF data is read here and not by Pillow, which parses it as early as `Image.open`. For a hostile
JPEG that takes a minute (ten megabytes of EXIF segments, joined in quadratic time) and warns once
per broken tag, fifty thousand times. Like browsers, this module takes the orientation from EXIF
alone: not from XMP, and not from text in a PNG.
"""

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

# Set once, on import: `warnings.catch_warnings` around each call is not safe between threads.
warnings.simplefilter("error", Image.DecompressionBombWarning)

BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow 13 was seen to raise on broken bytes. The last line: AVIF files, PNGs without pixels,
# PNGs whose text claims to be a profile, and warnings where a process turns them into errors.
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error),
    *(RuntimeError, IndexError, TypeError, ZeroDivisionError, Warning),
)
STRIP_PIXELS = 1_000_000  # converted to sRGB at a time
# The share of the pixel limit that these formats and modes may use. Decoding takes four bytes a
# pixel, six for a progressive JPEG, but up to sixteen for these formats, and eight for progressive
# CMYK. Measured at 50 million pixels: 805 MB for WebP, 660 MB for AVIF.
SHARE_OF_PIXELS = {"WEBP": 0.4, "AVIF": 0.4, "HEIF": 0.4, "CMYK": 0.8}
MAX_RETURNED_PIXELS = 25_000_000  # so that two copies stay under 400 MB
# Each scan of a progressive JPEG costs half a nanosecond a pixel, however short the scan is: 10 MB
# of scans would keep a core busy for half an hour. Encoders write ten scans, and a thumbnail may
# add a few.
MAX_SCANNED_PIXELS = 5_000_000_000

JPEG_EXIF_MARKS = (b"Exif\0\0", b"MPF\0II*\0", b"MPF\0MM\0*")
AVIF_EXIF_MARKS = (b"\0\0Exif",)
JPEG_SCAN = b"\xff\xda"
ORIENTATION_TAG = 0x0112
TRANSPOSE = {  # by EXIF orientation; 1 is upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class InvalidImage(Exception):
    """These bytes are not a picture that is accepted; the message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is accepted. `side` is the longest side in pixels; `aspect_ratio` is long to short.

    "HEIF" may be added to the formats. `ModuleNotFoundError` is raised if its package,
    pillow-heif, is not installed.
    """

    bytes: int = 10 * 2**20
    pixels: int = 50_000_000
    side: int = 20_000
    aspect_ratio: float = 20.0
    formats: tuple[str, ...] = ("JPEG", "PNG", "WebP", "GIF", "AVIF")

    def __post_init__(self) -> None:
        if "HEIF" in self.formats:
            try:
                import_module("pillow_heif").register_heif_opener()
            except ModuleNotFoundError as error:
                message = "HEIF pictures need the package pillow-heif, which is not installed."
                raise ModuleNotFoundError(message) from error


def open_image(
    data: bytes, *, limits: ImageLimits = ImageLimits(), at_least: int | None = None
) -> Image.Image:
    """Return the first frame of `data`, upright, as a plain sRGB picture of mode "RGB".

    Given `at_least` (1 or more), the picture is halved as often as its shorter side keeps at least
    that many pixels. A picture of more than 25 million pixels is halved in any case, so that
    opening takes less than 400 MB. Raises `InvalidImage`.
    """
    if len(data) > limits.bytes:
        megabytes = limits.bytes / 2**20
        raise InvalidImage(f"The file is too large; at most {megabytes:g} MB are allowed.")
    data = hide_exif(data)
    try:
        source = Image.open(BytesIO(data), formats=limits.formats)
        _check_size(source, limits)
        _check_scans(source, data)
        # Pillow reads a PNG that lacks its last bytes. `verify` finds that, but uses up a picture.
        Image.open(BytesIO(data), formats=limits.formats).verify()
        factor = _reduction(source.size, at_least)
        # Only JPEGs are reduced while they are decoded, by a factor of 8 at most.
        source.draft(None, (source.width // factor, source.height // factor))
        source.load()
        picture = _converted(source, _reduction(source.size, at_least))
        transpose = TRANSPOSE.get(_orientation(source))
        del source  # up to 200 MB, before transposing copies the picture
    except BOMBS as error:
        raise InvalidImage(
            f"The picture has too many pixels; {_at_most(limits.pixels)}."
        ) from error
    except UnidentifiedImageError as error:
        *others, last = limits.formats
        sentence = f"This is not a picture we can read. Use {', '.join(others)} or {last}."
        raise InvalidImage(sentence) from error
    except DAMAGE as error:
        sentence = "The picture is damaged or incomplete. Save or copy it again."
        raise InvalidImage(sentence) from error
    return picture if transpose is None else picture.transpose(transpose)


def encode_image(picture: Image.Image, *, longest_side: int, quality: int = 95) -> bytes:
    """Return `picture` (mode "RGB") as a JPEG without metadata, scaled down if it is larger."""
    copy = picture.copy()
    copy.info.clear()  # otherwise Pillow writes its comment and its profile
    copy.thumbnail((longest_side, longest_side), reducing_gap=3.0)
    output = BytesIO()
    # At quality 90 with chroma subsampling, searching with the same photo scored 0.9992 instead of
    # 0.9998. Not optimised: that needs a buffer for the whole file, which Pillow makes too small
    # for noisy pictures.
    copy.save(output, "JPEG", quality=quality, subsampling=0)
    return output.getvalue()


def _check_size(source: ImageFile.ImageFile, limits: ImageLimits) -> None:
    short, long = sorted(source.size)
    kinds = (source.format or "", source.mode)
    pixels = int(limits.pixels * min(SHARE_OF_PIXELS.get(kind, 1.0) for kind in kinds))
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
    codes = np.frombuffer(data, np.uint8)  # faster than data.count()
    scans = np.count_nonzero((codes[:-1] == 0xFF) & (codes[1:] == 0xDA))
    if scans * source.width * source.height > MAX_SCANNED_PIXELS:
        raise InvalidImage("This JPEG is made of too many scans. Save it again without them.")


def _at_most(pixels: int) -> str:
    return f"at most {pixels / 1e6:.10g} million are allowed"


def _reduction(size: tuple[int, int], at_least: int | None) -> int:
    """The factor, a power of two, by which a picture of this size is reduced."""
    factor = 1
    while at_least is not None and min(size) >= 2 * factor * at_least:
        factor *= 2
    while size[0] * size[1] > factor**2 * MAX_RETURNED_PIXELS:
        factor *= 2
    return factor


def _converted(source: Image.Image, factor: int) -> Image.Image:
    """The picture in sRGB, reduced by the factor."""
    # Strip by strip, so that converting needs no second or third copy at full size.
    to_srgb = srgb_converter(source)
    width, height = source.size
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = max(1, STRIP_PIXELS // (width * factor)) * factor
    for top in range(0, height, rows):
        strip = source.crop((0, top, width, min(top + rows, height)))
        converted = to_srgb(strip)
        result.paste(converted.reduce(factor) if factor > 1 else converted, (0, top // factor))
    return result


def hide_exif(data: bytes) -> bytes:
    """Return `data` with the marks of EXIF and of multi-picture JPEGs in lower case.

    Pillow then skips them. A mark has six bytes or more, so compressed pixels match one only once
    in many million files. AVIF stores its orientation elsewhere, and in other formats Pillow does
    not parse EXIF until asked.
    """
    is_jpeg = data.startswith(b"\xff\xd8")
    # Pillow stops reading marks at the first scan of a JPEG, so searching up to the last one covers
    # more than enough.
    last_scan = data.rfind(JPEG_SCAN) if is_jpeg else -1
    end = last_scan if last_scan >= 0 else len(data)
    head = data[:end]
    for mark in JPEG_EXIF_MARKS if is_jpeg else AVIF_EXIF_MARKS:
        head = head.replace(mark, mark.lower())
    return head + data[end:]


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation of a picture opened from `hide_exif` data; 1 if it has none."""
    exif = picture.info.get("exif") or b""
    for name, payload in getattr(picture, "applist", ()):  # of a JPEG
        if name == "APP1" and payload.startswith(b"exif\0\0"):
            exif = payload
            break
    tiff = exif[6:] if exif[:4].lower() == b"exif" else exif
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for offset in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, offset)
            if tag == ORIENTATION_TAG:
                return int(value)
    except struct.error:  # cut short: like browsers, show the picture as it is stored
        return 1
    return 1
