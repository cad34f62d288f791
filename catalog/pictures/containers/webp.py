"""The chunks of a WebP (RFC 9649). Of an animated one, only the first frame is decoded."""

import struct
from collections.abc import Iterator

from catalog.pictures.containers import vp8l
from catalog.pictures.containers.contract import Container, Malformed, too_many_parts

EXTENDED, LOSSY, LOSSLESS, ALPHA = b"VP8X", b"VP8 ", b"VP8L", b"ALPH"
ANIMATION, FRAME, PROFILE, EXIF = b"ANIM", b"ANMF", b"ICCP", b"EXIF"
ANIMATED, WITH_EXIF, WITH_ALPHA, WITH_PROFILE = 0x02, 0x08, 0x10, 0x20  # flags of VP8X

MAX_CHUNKS = 10_000  # there is one for each frame of an animation
MAX_BLOCKS = 3_000  # of lossless pixels; libwebp writes at most 2,600


def read(data: bytes) -> Container:
    """The picture or the first frame of a WebP. Raises Malformed."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise Malformed
    parts = dict(reversed(list(_chunks(data, 12, end))))  # the first of each name
    if EXTENDED in parts:
        header = parts[EXTENDED]
        if len(header) != 10:
            raise Malformed
        size = _number(header[4:7]) + 1, _number(header[7:10]) + 1
        frame = parts.get(FRAME) if header[0] & ANIMATED else None
        if frame:
            area = _number(frame[6:9]) + 1, _number(frame[9:12]) + 1
            pixels = _pixels(dict(reversed(list(_chunks(frame, 16, len(frame))))), area)
            pixels = _chunk(ANIMATION, parts.get(ANIMATION, bytes(6))) + _chunk(
                FRAME, frame[:16] + pixels
            )
        else:
            pixels = _pixels(parts, size)
        flags = header[0] & (WITH_ALPHA | (ANIMATED if frame else 0))
        pixels = _chunk(EXTENDED, bytes([flags]) + bytes(3) + header[4:]) + pixels
    else:
        coded = parts.get(LOSSY) or parts.get(LOSSLESS) or b""
        size = _size(coded)
        pixels = _pixels(parts, size)
    return Container(
        format="WEBP",
        data=_file(pixels),
        size=size,
        memory=13,  # two canvases and the pixels, four bytes each, and the picture
        time=60,
        exif=parts.get(EXIF, b""),
        profile=parts.get(PROFILE, b""),
    )


def write(container: Container, exif: bytes) -> bytes:
    """The picture with its profile and this EXIF data, which may be b""."""
    parts = list(_chunks(container.data, 12, len(container.data)))
    if parts[0][0] == EXTENDED:
        header = bytearray(parts.pop(0)[1])
    else:
        width, height = container.size
        has_alpha = parts[0][0] == LOSSLESS and parts[0][1][4] & 0x10
        header = bytearray([WITH_ALPHA if has_alpha else 0, 0, 0, 0])
        header += struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    if container.profile:
        header[0] |= WITH_PROFILE
        parts.insert(0, (PROFILE, container.profile))
    if exif:
        header[0] |= WITH_EXIF
        parts.append((EXIF, exif))
    return _file(b"".join(_chunk(*part) for part in [(EXTENDED, bytes(header)), *parts]))


def _chunks(data: bytes, place: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(MAX_CHUNKS):
        if place + 8 > end:
            return
        content = place + 8
        place = content + _number(data[content - 4 : content])
        if place > end:
            raise Malformed
        yield data[content - 8 : content - 4], data[content:place]
        place += place & 1  # padding
    raise too_many_parts("WebP")


def _pixels(parts: dict[bytes, bytes], size: tuple[int, int]) -> bytes:
    """The chunks of one frame, whose coded size is the declared one."""
    name = LOSSY if LOSSY in parts else LOSSLESS
    if name not in parts or _size(parts[name]) != size:
        raise Malformed
    alpha = parts.get(ALPHA, b"") if name == LOSSY else b""
    stream = parts[name][5:] if name == LOSSLESS else b""
    if alpha and alpha[0] & 3:  # compressed, which is also lossless
        stream = alpha[1:]
    if stream and vp8l.blocks(stream, size) > MAX_BLOCKS:
        raise too_many_parts("WebP")
    return (_chunk(ALPHA, alpha) if alpha else b"") + _chunk(name, parts[name])


def _size(coded: bytes) -> tuple[int, int]:
    """The size in the header of a frame's pixels."""
    if coded[3:6] == b"\x9d\x01\x2a" and len(coded) >= 10:
        width, height = struct.unpack_from("<HH", coded, 6)
        return width & 0x3FFF, height & 0x3FFF
    if coded[:1] == b"\x2f" and len(coded) >= 5:
        bits = _number(coded[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise Malformed


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


def _file(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
