"""Small pictures, and files made of them, for the tests of the gate."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "AVIF"]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo(width: int = 96, height: int = 64) -> Image.Image:
    """Smooth colours, different in every corner, the same on every call."""
    colours = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, file_format: str, **options: object) -> bytes:
    output = BytesIO()
    picture.save(output, file_format, **options)
    return output.getvalue()


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean absolute difference of two pictures, in levels of 255."""
    pair = [np.asarray(picture.convert("RGB"), dtype=np.int16) for picture in (one, other)]
    return float(np.abs(pair[0] - pair[1]).mean())


def png(width: int, height: int, *, depth: int = 8, kind: int = 0, pixels: bytes = b"") -> bytes:
    """A PNG written by hand: `kind` is its colour type, `pixels` its compressed rows."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def zeros(count: int) -> bytes:
    """`count` zero bytes, compressed a megabyte at a time."""
    stream, block = zlib.compressobj(9), bytes(2**20)
    whole = b"".join(stream.compress(block) for _ in range(count // len(block)))
    return whole + stream.compress(bytes(count % len(block))) + stream.flush()


def profile_of(*tags: tuple[str, bytes], space: str = "RGB ", connection: str = "Lab ") -> bytes:
    """An ICC profile by hand (ICC.1:2001-04), for an output device."""
    place, entries, bodies = 132 + 12 * len(tags), b"", b""
    for name, body in tags:
        entries += struct.pack(">4sII", name.encode(), place + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    header = struct.pack(">I4sI", place + len(bodies), b"none", 0x02400000) + b"prtr"
    header += (space + connection).encode() + bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061)  # D50
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + bodies


def table(channels: int, *, points: int, values: bytes | None = None) -> bytes:
    """A lookup table ("mft1") with straight curves; without values, all colours become black."""
    curve = bytes(range(256))
    identity = struct.pack(">9i", *(65536 if place % 4 == 0 else 0 for place in range(9)))
    values = bytes([0, 128, 128]) * points**channels if values is None else values
    head = b"mft1" + bytes(4) + bytes([channels, 3, points, 0]) + identity
    return head + curve * channels + values + curve * 3


def ink_profile() -> bytes:
    """A CMYK profile whose four inks all print black."""
    corners = b"".join(bytes([0 if inks else 255, 128, 128]) for inks in range(16))  # 8-bit Lab
    return profile_of(("A2B0", table(4, points=2, values=corners)), space="CMYK")
