"""Which way up a picture is, read from its EXIF data without Pillow's parser.

Pillow parses EXIF as early as `Image.open`. In a hostile JPEG that takes a minute (ten megabytes of
EXIF segments, joined in quadratic time), and it warns once per broken tag, fifty thousand times.
Browsers read the orientation from here alone, too: not from XMP, not from text in a PNG.
"""

import struct

from PIL import Image

_JPEG_MARKS = (b"Exif\0\0", b"MPF\0II*\0", b"MPF\0MM\0*")
_AVIF_MARKS = (b"\0\0Exif",)
_SCAN = b"\xff\xda"
_ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def hide_exif(data: bytes) -> bytes:
    """Return `data` with the marks of EXIF and of multi-picture JPEGs spelt so Pillow skips them.

    Six bytes or more must match, so that compressed pixels are hit once in many million files.
    AVIF keeps its orientation elsewhere; in other formats Pillow leaves EXIF alone until asked.
    """
    is_jpeg = data.startswith(b"\xff\xd8")
    end = _last_scan(data) if is_jpeg else len(data)
    head = data[:end]
    for mark in _JPEG_MARKS if is_jpeg else _AVIF_MARKS:
        head = head.replace(mark, mark.lower())
    return head + data[end:]


def orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8, of a picture opened from `hide_exif` data."""
    exif = picture.info.get("exif") or b""
    for name, payload in getattr(picture, "applist", ()):  # of a JPEG
        if name == "APP1" and payload.startswith(b"exif\0\0"):
            exif = payload
            break
    value = _tiff_orientation(exif[6:] if exif[:4].lower() == b"exif" else exif)
    return value if value in _TRANSPOSE else 1


def turn_upright(picture: Image.Image, value: int) -> Image.Image:
    """Return `picture`, which was stored with EXIF orientation `value`, the right way up."""
    return picture.transpose(_TRANSPOSE[value]) if value in _TRANSPOSE else picture


def _last_scan(data: bytes) -> int:
    """Where the last scan of a JPEG may begin; Pillow reads no marks beyond the first."""
    start = data.rfind(_SCAN)
    return start if start >= 0 else len(data)


def _tiff_orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for offset in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, offset)
            if tag == _ORIENTATION_TAG:
                return int(value)
    except struct.error:  # cut short: browsers, too, then show the picture as it is stored
        return 1
    return 1
