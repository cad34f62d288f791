"""Small pictures, and files made of them, for the tests of the gate."""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

pillow_heif.register_heif_opener()
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


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of an ISO base media file."""
    return struct.pack(">I", 8 + sum(map(len, parts))) + kind + b"".join(parts)


@dataclass(frozen=True)
class Item:
    """A coded picture, or a grid of those with the numbers in `tiles`."""

    kind: bytes
    data: bytes
    size: tuple[int, int]
    configuration: bytes = b""  # a box
    tiles: tuple[int, ...] = ()
    quarter_turns: int = 0  # anticlockwise, before it is shown


def coded_item(data: bytes, size: tuple[int, int]) -> Item:
    """The picture that is coded in an AVIF or HEIF of one item."""
    name = b"av1C" if b"av1C" in data else b"hvcC"
    start = data.index(name) - 4
    configuration = data[start : start + int.from_bytes(data[start : start + 4])]
    start = data.index(b"mdat") - 4
    coded = data[start + 8 : start + int.from_bytes(data[start : start + 4])]
    return Item(b"av01" if name == b"av1C" else b"hvc1", coded, size, configuration)


def grid_item(rows: int, columns: int, size: tuple[int, int], tiles: tuple[int, ...]) -> Item:
    data = bytes([0, 0, rows - 1, columns - 1]) + struct.pack(">HH", *size)
    return Item(b"grid", data, size, tiles=tiles)


def of_items(*items: Item) -> bytes:
    """An AVIF or HEIF of these items, numbered from 1; the first is shown. Equal data is shared."""
    boxes = [
        (
            box(b"ispe", bytes(4), struct.pack(">II", *item.size)),
            item.configuration,
            box(b"irot", bytes([item.quarter_turns])) if item.quarter_turns else b"",
        )
        for item in items
    ]
    known = list(dict.fromkeys(one for pair in boxes for one in pair if one))
    links = entries = references = b""
    for number, (item, pair) in enumerate(zip(items, boxes, strict=True), 1):
        # Bit 7 says that a decoder has to know the property.
        indices = bytes(known.index(one) + 1 | 0x80 * (b"irot" in one) for one in pair if one)
        links += struct.pack(">HB", number, len(indices)) + indices
        entries += box(b"infe", b"\2\0\0\0", struct.pack(">HH", number, 0), item.kind, b"\0")
        if item.tiles:
            count = len(item.tiles)
            references += box(b"dimg", struct.pack(f">HH{count}H", number, count, *item.tiles))
    content = b"".join(dict.fromkeys(item.data for item in items))
    brand = b"avif" if any(item.kind == b"av01" for item in items) else b"heic"
    head = box(b"ftyp", brand, bytes(4), brand, b"mif1")

    def meta(start: int) -> bytes:
        places = b"".join(
            struct.pack(">HHHII", number, 0, 1, start + content.index(item.data), len(item.data))
            for number, item in enumerate(items, 1)
        )
        count = struct.pack(">H", len(items))
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", bytes(4), b"\0\1"),
            box(b"iinf", bytes(4), count, entries),
            box(b"iref", bytes(4), references),
            box(b"iprp", box(b"ipco", *known), box(b"ipma", bytes(6), count, links)),
            box(b"iloc", bytes(4), b"\x44\0", count, places),
        )

    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", content)
