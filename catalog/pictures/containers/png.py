"""The chunks of a PNG (W3C Recommendation, third edition).

Only those that change pixels reach the decoder. As in libpng, an ancillary chunk with a wrong
checksum is ignored, and a critical one makes the file unusable.
"""

import struct
import zlib

from catalog.pictures.containers.contract import Container, Malformed, too_many_parts

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER, PALETTE, CLEAR, PIXELS, END = b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"
PROFILE, EXIF = b"iCCP", b"eXIf"
CRITICAL = {HEADER, PALETTE, PIXELS, END}
KEPT = {*CRITICAL, CLEAR, PROFILE, EXIF}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
HAS_ALPHA = 4  # bit of the colour type

MAX_CHUNKS = 100_000  # encoders divide pixels into chunks of some kilobytes
MAX_PROFILE = 4 * 2**20  # bytes


def read(data: bytes) -> Container:
    """The picture of a PNG; that of an animated one is its first. Raises Malformed."""
    chunks: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    place, before = len(SIGNATURE), b""
    for _ in range(MAX_CHUNKS):
        content = place + 8
        name = data[place + 4 : content]
        end = content + int.from_bytes(data[place : content - 4])
        place = end + 4
        if place > len(data):
            raise Malformed
        critical = not name[0] & 32
        if critical or name in KEPT:
            body = data[content:end]
            sound = zlib.crc32(body, zlib.crc32(name)) == int.from_bytes(data[end:place])
            if critical and (not sound or name in chunks or name not in CRITICAL):
                raise Malformed
            if name == PIXELS:
                if pixels and before != PIXELS:
                    raise Malformed
                pixels.append(body)
            elif sound:
                chunks.setdefault(name, body)
        before = name
        if name == END:
            break
    else:
        raise too_many_parts("PNG")
    if not pixels or len(chunks.get(HEADER, b"")) != 13:
        raise Malformed
    width, height, depth, kind = struct.unpack_from(">IIBB", chunks[HEADER])
    if kind not in CHANNELS:
        raise Malformed
    is_clear = kind & HAS_ALPHA or CLEAR in chunks
    order = [(name, chunks[name]) for name in (HEADER, PALETTE, CLEAR) if name in chunks]
    order += [(PIXELS, b"".join(pixels)), (END, b"")]
    return Container(
        format="PNG",
        data=SIGNATURE + b"".join(_chunk(name, body) for name, body in order),
        size=(width, height),
        memory=5,  # and one, to which a large picture is halved
        time=8.5 * CHANNELS[kind] * depth / 8 + (14 if is_clear else 4),  # with the Paeth filter
        exif=chunks.get(EXIF, b""),
        profile=_profile(chunks.get(PROFILE, b"")),
    )


def write(container: Container, exif: bytes) -> bytes:
    """The picture with its profile and this EXIF data, which may be b""."""
    behind = len(SIGNATURE) + 25  # the header
    chunks = []
    if container.profile:
        chunks.append(_chunk(PROFILE, b"ICC\0\0" + zlib.compress(container.profile)))
    if exif:
        chunks.append(_chunk(EXIF, exif))
    return b"".join((container.data[:behind], *chunks, container.data[behind:]))


def _chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(name))
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def _profile(body: bytes) -> bytes:
    """The profile in the body of its chunk; b"" if there is none, or a broken or huge one."""
    stream = zlib.decompressobj()
    try:
        profile = stream.decompress(body[body.find(b"\0") + 2 :], MAX_PROFILE)
    except zlib.error:
        return b""
    return profile if stream.eof else b""
