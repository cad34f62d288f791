"""The boxes of an AVIF or a HEIF (ISO/IEC 14496-12 and 23008-12).

The primary picture is written into a new file, with its tiles and its transparency. So the decoder
never sees previews, metadata, tracks or any other item.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

from catalog.messages import sentence
from catalog.pictures.containers import av1, hevc
from catalog.pictures.containers.contract import Container, Malformed

GRID, AV1, HEVC = b"grid", b"av01", b"hvc1"  # kinds of items
TILE, AUXILIARY, PREMULTIPLIED = b"dimg", b"auxl", b"prem"  # references
SIZE, PURPOSE, COLOUR, CONFIGURATION = b"ispe", b"auxC", b"colr", {AV1: b"av1C", HEVC: b"hvcC"}
# The properties that change pixels.
KEPT = {SIZE, PURPOSE, COLOUR, *CONFIGURATION.values(), b"pixi", b"irot", b"imir", b"clap"}
ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0")
FORMATS, BRANDS = {AV1: "AVIF", HEVC: "HEIF"}, {AV1: b"avif", HEVC: b"heic"}

TOO_MANY_PARTS = sentence("This picture is made of too many parts. Save it again.")
MAX_META = 1_000_000  # bytes of the box that describes the items; phones write 10,000
MAX_BOXES = 10_000
MAX_EXTENTS = 10_000
MAX_TILES = 1_000
BLOCK = 64  # a coded size is a multiple of this at most
PADDED = 1.25  # how many times the pixels of a large picture its tiles may cover
SPARE = 1_000_000  # pixels, or bytes, that small pictures may take beside what is proportionate


@dataclass
class Item:
    """A coded picture or a grid of them."""

    kind: bytes
    extents: list[memoryview] = field(default_factory=list)
    properties: list[tuple[bytes, bytes, bool]] = field(default_factory=list)  # essential: True
    references: dict[bytes, list[int]] = field(default_factory=dict)
    alpha: int | None = None  # the item that holds the transparency of this one

    def property(self, name: bytes) -> bytes:
        """The body of the only property of this name. Raises Malformed."""
        (body,) = [body for kind, body, _ in self.properties if kind == name] or [b""]
        return body

    def size(self) -> tuple[int, int]:
        """The declared width and height."""
        width, height = struct.unpack(">4xII", self.property(SIZE))
        return width, height


class Cursor:
    """Reads big-endian numbers one after another."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data, self.place = data, place

    def number(self, width: int) -> int:
        """The next number of that many bytes. Raises Malformed behind the end."""
        start, self.place = self.place, self.place + width
        if self.place > len(self.data):
            raise Malformed
        return int.from_bytes(self.data[start : self.place])


def read(data: bytes) -> Container:
    """The primary picture of an AVIF or a HEIF. Raises Malformed."""
    try:
        (meta,) = [body for kind, body in _boxes(data) if kind == b"meta"]
        if len(meta) > MAX_META:
            raise Malformed(TOO_MANY_PARTS)
        boxes = dict(_boxes(meta[4:]))
        items = _items(data, boxes)
        primary = int.from_bytes(boxes[b"pitm"][4:])
        kept = _needed(primary, items)
        decoded = _decoded(kept, primary, most_bytes=len(data) + SPARE)
        coded = items[kept[primary].references.get(TILE, [primary])[0]]
        profiles = [
            body[4:]
            for item in (items[primary], coded)
            for kind, body, _ in item.properties
            if kind == COLOUR and body[:4] in (b"prof", b"rICC")
        ]
        size = items[primary].size()
        has_alpha = items[primary].alpha is not None
        if coded.kind == AV1:
            # The planes, those of a grid twice; the pixels twice; and what the decoder adds.
            memory = decoded * (1 + (coded is not items[primary])) + 2 * (3 + has_alpha) + 4
            time = 60.0 + 12 * has_alpha
        else:
            memory = decoded + 10
            time = 18 * decoded + 110 * len(data) / prod(size)
        return Container(
            format=FORMATS[coded.kind],
            data=_file(kept, BRANDS[coded.kind]),
            size=size,
            memory=memory,
            time=time,
            profile=next(iter(profiles), b""),
        )
    except (struct.error, IndexError, KeyError, ValueError) as error:
        raise Malformed from error


def _boxes(data: bytes, place: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the body of each box."""
    for _ in range(MAX_BOXES):
        if place == len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, place)
        body = place + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        end = place + size if size else len(data)
        if not body <= end <= len(data):
            raise Malformed
        yield kind, data[body:end]
        place = end
    raise Malformed(TOO_MANY_PARTS)


def _items(data: bytes, boxes: dict[bytes, bytes]) -> dict[int, Item]:
    """All items, by their id."""
    items: dict[int, Item] = {}
    for kind, body in _boxes(boxes[b"iinf"], 6 if not boxes[b"iinf"][0] else 8):
        if kind == b"infe" and body[0] in (2, 3):
            cursor = Cursor(body, 4)
            number = cursor.number(2 if body[0] == 2 else 4)
            items[number] = Item(kind=body[cursor.place + 2 : cursor.place + 6])
    properties = dict(_boxes(boxes[b"iprp"]))
    known = list(_boxes(properties[b"ipco"]))
    cursor = Cursor(properties[b"ipma"], 4)
    version, wide = cursor.data[0], cursor.data[3] & 1
    for _ in range(cursor.number(4)):
        item = items[cursor.number(4 if version else 2)]
        for _ in range(cursor.number(1)):
            index = cursor.number(2 if wide else 1)
            mark = 0x8000 if wide else 0x80
            if index & ~mark:
                item.properties.append((*known[(index & ~mark) - 1], bool(index & mark)))
    references = boxes.get(b"iref", bytes(4))
    width = 4 if references[0] else 2
    for kind, body in _boxes(references, 4):
        cursor = Cursor(body, 0)
        item = items[cursor.number(width)]
        targets = [cursor.number(width) for _ in range(cursor.number(2))]
        item.references[kind] = targets
    for number, item in items.items():
        if item.property(PURPOSE)[4:].startswith(ALPHA):
            for target in item.references.get(AUXILIARY, []):
                items[target].alpha = number
    _locate(items, Cursor(boxes[b"iloc"], 4), (data, boxes.get(b"idat", b"")))
    return items


def _locate(items: dict[int, Item], cursor: Cursor, sources: tuple[bytes, bytes]) -> None:
    """Give each item its data, which is in the file or in a box of small items."""
    version = cursor.data[0]
    widths = cursor.number(2)
    offset_width, length_width, base_width, index_width = (
        widths >> at & 15 for at in (12, 8, 4, 0)
    )
    wide = 2 if version < 2 else 4
    extents = 0
    for _ in range(cursor.number(wide)):
        item = items[cursor.number(wide)]
        source = sources[cursor.number(2) & 15] if version else sources[0]
        cursor.number(2)
        base = cursor.number(base_width)
        number = cursor.number(2)
        extents += number
        if extents > MAX_EXTENTS:
            raise Malformed
        for _ in range(number):
            cursor.number(index_width if version else 0)
            start = base + cursor.number(offset_width)
            end = start + cursor.number(length_width)
            if not start < end <= len(source):
                raise Malformed
            item.extents.append(memoryview(source)[start:end])


def _needed(primary: int, items: dict[int, Item]) -> dict[int, Item]:
    """The items that the primary picture consists of."""
    needed: dict[int, Item] = {}
    waiting = [primary]
    while waiting:
        number = waiting.pop()
        if number in needed:
            raise Malformed
        item = needed[number] = items[number]
        if item.kind == GRID:
            waiting += item.references[TILE]
        elif item.kind not in CONFIGURATION:
            raise Malformed
        if item.alpha is not None:
            waiting.append(item.alpha)
        if len(needed) > MAX_TILES:
            raise Malformed
    return needed


def _decoded(items: dict[int, Item], primary: int, *, most_bytes: int) -> float:
    """The bytes of all planes, for each pixel of the primary picture.

    Raises Malformed if what is coded has another size than is declared.
    """
    if sum(len(extent) for item in items.values() for extent in item.extents) > most_bytes:
        raise Malformed
    pixels, planes, kinds = 0, 0.0, set()
    for item in items.values():
        size, data = item.size(), b"".join(item.extents)
        if item.kind == GRID:
            tiles = [items[number] for number in item.references[TILE]]
            shape = struct.unpack_from(">II" if data[1] & 1 else ">HH", data, 4)
            if shape != size or len(tiles) != (data[2] + 1) * (data[3] + 1):
                raise Malformed
            if any(tile.kind == GRID for tile in tiles):
                raise Malformed
            continue
        if item.kind == AV1:
            coded, deep = av1.coded(data)
        else:
            coded, deep = hevc.coded(data, item.property(CONFIGURATION[HEVC]))
        if not all(0 <= one - other < BLOCK for one, other in zip(coded, size, strict=True)):
            raise Malformed
        pixels += prod(coded)
        planes += prod(coded) * deep
        kinds.add(item.kind)
    declared = prod(items[primary].size())
    layers = 1 + (items[primary].alpha is not None)
    if len(kinds) != 1 or pixels > PADDED * layers * declared + SPARE:
        raise Malformed
    return planes / max(declared, SPARE)


def _file(items: dict[int, Item], brand: bytes) -> bytes:
    """A file of these items alone; the first is the primary picture."""
    numbers = {old: new for new, old in enumerate(items, 1)}
    properties = [
        [
            (kind, body, essential)
            for kind, body, essential in item.properties
            if kind in KEPT and not (kind == COLOUR and body[:4] != b"nclx")
        ]
        for item in items.values()
    ]
    known = list(dict.fromkeys((kind, body) for some in properties for kind, body, _ in some))
    index = {one: number for number, one in enumerate(known, 1)}
    links = b"".join(
        struct.pack(">HB", number, len(some))
        + b"".join(
            struct.pack(">H", index[kind, body] | essential << 15) for kind, body, essential in some
        )
        for number, some in enumerate(properties, 1)
    )
    references = b"".join(
        _box(
            kind,
            struct.pack(
                f">HH{len(targets)}H",
                number,
                len(targets),
                *(numbers[target] for target in targets),
            ),
        )
        for number, item in enumerate(items.values(), 1)
        for kind, targets in item.references.items()
        if kind in (TILE, AUXILIARY, PREMULTIPLIED) and all(target in numbers for target in targets)
    )
    entries = b"".join(
        _box(b"infe", b"\2\0\0\0", struct.pack(">HH", number, 0), item.kind, b"\0")
        for number, item in enumerate(items.values(), 1)
    )
    lengths = [sum(map(len, item.extents)) for item in items.values()]

    def meta(start: int) -> bytes:
        places = b""
        for number, length in enumerate(lengths, 1):
            places += struct.pack(">HHHII", number, 0, 1, start, length)
            start += length
        return _box(
            b"meta",
            bytes(4),
            _box(b"hdlr", bytes(8), b"pict", bytes(13)),
            _box(b"pitm", bytes(4), struct.pack(">H", 1)),
            _box(b"iloc", bytes(4), b"\x44\0", struct.pack(">H", len(items)), places),
            _box(b"iinf", bytes(4), struct.pack(">H", len(items)), entries),
            _box(b"iref", bytes(4), references),
            _box(
                b"iprp",
                _box(b"ipco", *(_box(kind, body) for kind, body in known)),
                _box(b"ipma", b"\0\0\0\1", struct.pack(">I", len(items)), links),
            ),
        )

    head = _box(b"ftyp", brand, bytes(4), brand, b"mif1miaf")
    content = _box(b"mdat", *(extent for item in items.values() for extent in item.extents))
    return head + meta(len(head) + len(meta(0)) + 8) + content


def _box(kind: bytes, *parts: bytes | memoryview) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), kind) + b"".join(parts)
