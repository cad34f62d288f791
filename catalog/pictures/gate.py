"""The only place that decodes pictures: bytes in, an upright sRGB picture out, or `InvalidImage`.

`containers` reads the structure of a file first, and only what decoding needs is given to Pillow.
Like browsers, it takes the orientation from EXIF alone: not from XMP, and not from text in a PNG.
"""

import re
import struct
import zlib
from dataclasses import dataclass, replace
from importlib import import_module
from io import BytesIO
from math import prod
from typing import Any, cast

import simplejpeg

# Importing a plug-in registers it; `Image.open` would otherwise load all forty on first use.
from PIL import (
    AvifImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from catalog.messages import Sentence, sentence
from catalog.pictures.colours import srgb_converter
from catalog.pictures.containers import READERS, WRITERS, Container, Malformed
from catalog.pictures.containers.contract import DAMAGED
from catalog.pictures.profiles import bounded

# What Pillow 13 was seen to raise on broken bytes. The second line: AVIF files, PNGs without
# pixels, and warnings where a process turns them into errors.
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error),
    *(RuntimeError, IndexError, TypeError, ZeroDivisionError, Warning),
    Image.DecompressionBombError,
)
STRIP_PIXELS = 1_000_000  # converted to sRGB at a time
MAX_RETURNED_PIXELS = 25_000_000  # so that two copies stay under 400 MB
MAX_MEMORY = 360_000_000  # bytes that decoding may take, beside the file and the idle process
MAX_TIME = 1_800_000_000  # nanoseconds of a processor that decoding may take
# A profile with a large table takes 50 ns a pixel, so larger pictures are reduced before.
MAX_PROFILED_PIXELS = 16_000_000
PROFILE_TIME = 10  # nanoseconds a pixel of such a picture

REDUCIBLE = ("L", "LA", "RGB", "RGBX", "RGBA", "CMYK")  # modes that Pillow can reduce

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
    that many pixels. A picture of more than 25 million pixels, or 16 million with a profile, is
    halved in any case, so that opening takes less than 400 MB and 2 s of processor time.
    Raises `InvalidImage`.
    """
    container = _container(data, limits)
    profile = container.profile and bounded(container.profile)
    _check_size(container, limits, time=_time(container, profile))
    try:
        if not container.complete:
            _check_complete(container.data)
        source = Image.open(BytesIO(container.data), formats=(container.format,))
        if source.width * source.height > container.size[0] * container.size[1]:
            raise InvalidImage(DAMAGED)
        most = MAX_PROFILED_PIXELS if profile else MAX_RETURNED_PIXELS
        factor = _reduction(source.size, at_least, most)
        # Only JPEGs are reduced while they are decoded, by a factor of 8 at most.
        source.draft(None, (source.width // factor, source.height // factor))
        # An AVIF says in its boxes how it is turned, which Pillow expresses as EXIF data.
        exif = source.info.get("exif") if container.format == "AVIF" else container.exif
        picture = _decoded(source)
        del source  # and with it the decoder's own copies of the pixels
        picture = _converted(picture, profile, _reduction(picture.size, at_least, most))
    except DAMAGE as error:
        raise InvalidImage(DAMAGED) from error
    transpose = TRANSPOSE.get(_orientation(exif or b""))
    return picture if transpose is None else picture.transpose(transpose)


def opening_time(data: bytes, *, limits: ImageLimits = ImageLimits()) -> float:
    """Return the seconds of processor time that opening takes at most. Raises `InvalidImage`."""
    container = _container(data, limits)
    return prod(container.size) * _time(container, container.profile) / 1e9


def without_metadata(data: bytes, *, limits: ImageLimits = ImageLimits()) -> bytes | None:
    """Return the picture of `data` with no metadata but orientation and profile.

    The pixels stay as they are coded. None for a format, or a damaged file, that this module does
    not write, and for a picture beyond the limits.
    """
    try:
        container = _container(data, limits)
        _check_size(container, limits, time=container.time)
    except InvalidImage:
        return None
    write = WRITERS.get(container.format)
    if not write or not container.complete:
        return None
    container = replace(container, profile=container.profile and bounded(container.profile))
    orientation = _orientation(container.exif)
    entry = struct.pack(">HHIHxx", ORIENTATION_TAG, 3, 1, orientation)
    exif = b"MM\0*\0\0\0\x08\0\x01" + entry + bytes(4)
    return write(container, exif if orientation in TRANSPOSE else b"")


def encode_image(
    picture: Image.Image, *, longest_side: int | None = None, quality: int = 95
) -> bytes:
    """Return `picture` (mode "RGB") as a JPEG without metadata, scaled down if it is larger."""
    copy = picture.copy()
    copy.info.clear()  # otherwise Pillow writes its comment and its profile
    if longest_side is not None:
        copy.thumbnail((longest_side, longest_side), reducing_gap=3.0)
    output = BytesIO()
    # At quality 90 with chroma subsampling, searching with the same photo scored 0.9992 instead of
    # 0.9998. Not optimised: that needs a buffer for the whole file, which Pillow makes too small
    # for noisy pictures.
    copy.save(output, "JPEG", quality=quality, subsampling=0)
    return output.getvalue()


def too_large(most_bytes: int) -> Sentence:
    """The sentence that refuses a file of more bytes than these."""
    return sentence("The file is too large; the maximum is %(most)s MB.", most=most_bytes / 2**20)


def _container(data: bytes, limits: ImageLimits) -> Container:
    if len(data) > limits.bytes:
        raise InvalidImage(too_large(limits.bytes))
    for start, read in READERS.items():
        if re.match(start, data, re.DOTALL):
            try:
                container = read(data)
            except Malformed as error:
                raise InvalidImage(*error.args) from error
            if 0 in container.size:
                raise InvalidImage(DAMAGED)
            if container.format in map(str.upper, limits.formats):
                return container
    *others, last = limits.formats
    raise InvalidImage(
        sentence(
            "This is not a picture we can read. Use %(formats)s or %(last)s.",
            formats=", ".join(others),
            last=last,
        )
    )


def _time(container: Container, profile: bytes) -> float:
    """The nanoseconds that a pixel takes at most."""
    return container.time + (PROFILE_TIME if profile else 0)


def _check_size(container: Container, limits: ImageLimits, *, time: float) -> None:
    short, long = sorted(container.size)
    bearable = min(MAX_MEMORY / container.memory, MAX_TIME / time)
    most = min(limits.pixels / 1e6, bearable // 1e5 / 10)  # millions, the second to a tenth
    if short * long > most * 1e6:
        raise InvalidImage(
            sentence(
                "The picture has %(pixels)s million pixels; at most %(most)s million are allowed.",
                pixels=short * long / 1e6,
                most=most,
            )
        )
    if long > limits.side:
        raise InvalidImage(
            sentence(
                "The picture is %(long)s pixels long; at most %(most)s are allowed.",
                long=long,
                most=limits.side,
            )
        )
    if long > short * limits.aspect_ratio:
        raise InvalidImage(
            sentence(
                "The picture is more than %(ratio)s times as long as wide.",
                ratio=limits.aspect_ratio,
            )
        )


def _check_complete(jpeg: bytes) -> None:
    """Raise ValueError if the pixels of a JPEG end early, for which Pillow would invent some."""
    try:
        # Only the entropy coding is of interest, so all else is made as cheap as it can be.
        simplejpeg.decode_jpeg(jpeg, "GRAY", min_height=1, min_width=1, min_factor=8, strict=True)
    except ValueError as error:
        if "extraneous bytes" not in str(error):  # a phone's trailer
            raise


def _decoded(source: Any) -> Image.Image:
    if source.format != "WEBP":
        source.load()
        return cast(Image.Image, source)
    # Pillow would copy the pixels once more while the decoder keeps its two canvases.
    pixels, _ = source._decoder.get_next()
    return Image.frombuffer(source.rawmode, source.size, pixels, "raw", source.rawmode, 0, 1)


def _reduction(size: tuple[int, int], at_least: int | None, most_pixels: int) -> int:
    """The factor, a power of two, by which a picture of this size is reduced."""
    factor = 1
    while at_least is not None and min(size) >= 2 * factor * at_least:
        factor *= 2
    while size[0] * size[1] > factor**2 * most_pixels:
        factor *= 2
    return factor


def _converted(source: Image.Image, profile: bytes, factor: int) -> Image.Image:
    """The picture in sRGB, reduced by the factor."""
    # Strip by strip, so that converting needs no second or third copy at full size.
    to_srgb = srgb_converter(source, profile)
    is_reduced_first = (
        bool(profile and factor > 1)
        and source.width * source.height > MAX_PROFILED_PIXELS
        and source.mode in REDUCIBLE
    )
    width, height = source.size
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = max(1, STRIP_PIXELS // (width * factor)) * factor
    for top in range(0, height, rows):
        strip = source.crop((0, top, width, min(top + rows, height)))
        if is_reduced_first:
            strip = to_srgb(strip.reduce(factor))
        else:
            strip = to_srgb(strip)
            strip = strip.reduce(factor) if factor > 1 else strip
        result.paste(strip, (0, top // factor))
    return result


def _orientation(exif: bytes) -> int:
    """The orientation that EXIF data (with or without its "Exif" mark) names; 1 without one."""
    tiff = exif[6:] if exif.startswith(b"Exif\0\0") else exif
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
