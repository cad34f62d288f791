"""The segments of a JPEG (ITU-T T.81, annex B).

Only those that decoding needs reach the decoder: no fill bytes, comments, thumbnails or trailers.
"""

import re
import struct

from catalog.messages import sentence
from catalog.pictures.containers.contract import Container, Malformed, too_many_parts

MARKER = re.compile(rb"\xff[^\x00\xff]")
END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # restart markers are part of a scan
START, END, SCAN = 0xD8, 0xD9, 0xDA
STANDALONE = {0x01, *range(0xD0, 0xD8)}
TABLES = {0xC4, 0xDB, 0xDD}  # Huffman, quantization, restart interval
PROGRESSIVE = 0xC2
FRAMES = {0xC0, 0xC1, PROGRESSIVE}
OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, *range(0xC9, 0xD0)}  # lossless, arithmetic and others
JFIF, EXIF, PROFILE, ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
NAMES = {JFIF: b"JFIF\0", EXIF: b"Exif\0\0", PROFILE: b"ICC_PROFILE\0", ADOBE: b"Adobe"}

MAX_SEGMENTS = 1_000  # a profile takes up to 255, extended XMP some 160
MAX_TABLES = 200_000  # bytes; encoders write less than one kilobyte for each scan
# Each scan of a progressive JPEG takes time for each of its samples, however short the scan is:
# 10 MB of scans would keep a core busy for half an hour. Encoders write 14 samples a pixel.
MAX_SCANNED = 1_000_000_000  # samples
UNUSUAL = sentence("This kind of JPEG is not supported. Save it as an ordinary JPEG.")
TOO_MANY_SCANS = sentence("This JPEG is made of too many scans. Save it again without them.")
PIECE = 65_519  # bytes of a profile that fit into one segment


def read(data: bytes) -> Container:
    """The first picture of a JPEG. Raises Malformed."""
    kept: list[memoryview] = []
    named: dict[int, bytes] = {}
    profile: dict[int, bytes] = {}
    size = 0, 0
    samples: dict[int, float] = {}  # by component
    missing: dict[tuple[int, int], int] = {}  # lowest bits, by component and frequency
    tables, scanned, place = 0, 0.0, 2
    buffered = complete = False
    for _ in range(MAX_SEGMENTS):
        found = MARKER.search(data, place)
        if not found:
            break
        start, kind = found.start(), data[found.start() + 1]
        if kind in (START, END):  # a second start is that of another picture
            complete = kind == END
            break
        if kind in STANDALONE:
            place = found.end()
            continue
        content = found.end() + 2
        place = content - 2 + int.from_bytes(data[content - 2 : content])
        if not content <= place <= len(data):
            break
        body = data[content:place]
        if kind in OTHER_FRAMES:
            raise Malformed(UNUSUAL)
        if kind in NAMES:
            if not body.startswith(NAMES[kind]):
                continue
            if kind != PROFILE:
                named.setdefault(kind, body)
            elif len(body) > 14:  # pieces are numbered from 1
                profile.setdefault(body[12], body[14:])
        elif kind in FRAMES:
            if samples:
                raise Malformed
            size, samples = _frame(body)
            missing = {(name, frequency): 1 for name in samples for frequency in range(64)}
            buffered = kind == PROGRESSIVE
            kept.append(memoryview(data)[start:place])
        elif kind == SCAN:
            names, frequencies, bit = _scan(body)
            if not samples.keys() >= set(names):
                raise Malformed
            missing |= {(name, frequency): bit for name in names for frequency in frequencies}
            scanned += sum(samples[name] for name in names)
            buffered = buffered or samples.keys() != set(names)
            stop = END_OF_SCAN.search(data, place)
            place = stop.start() if stop else len(data)
            kept.append(memoryview(data)[start:place])
        elif kind in TABLES:
            tables += len(body)
            kept.append(memoryview(data)[start:place])
    else:
        raise too_many_parts("JPEG")
    if scanned > MAX_SCANNED:
        raise Malformed(TOO_MANY_SCANS)
    if not scanned or tables > MAX_TABLES or (not complete and any(missing.values())):
        raise Malformed
    # Of what JFIF and Adobe store here, decoders read the first twelve bytes; a thumbnail follows.
    head = [
        _segment(kind, named[kind][:12].ljust(14, b"\0")) for kind in (JFIF, ADOBE) if kind in named
    ]
    return Container(
        format="JPEG",
        data=b"".join((b"\xff\xd8", *head, *kept, b"\xff\xd9")),
        size=size,
        # The pixels take one byte, because a large picture is halved. A decoder that has to
        # keep all coefficients takes two bytes for each.
        memory=1 + buffered * 2 * sum(samples.values()) / (size[0] * size[1]),
        time=30,  # with the scans that are allowed
        exif=named.get(EXIF, b""),
        profile=b"".join(profile[number] for number in sorted(profile)),
        complete=complete,
    )


def write(container: Container, exif: bytes) -> bytes:
    """The picture with its profile and this EXIF data, which may be b""."""
    segments = []
    if exif:
        segments.append(_segment(EXIF, NAMES[EXIF] + exif))
    starts = range(0, len(container.profile), PIECE)
    for number, start in enumerate(starts, 1):
        piece = bytes([number, len(starts)]) + container.profile[start : start + PIECE]
        segments.append(_segment(PROFILE, NAMES[PROFILE] + piece))
    return b"".join((container.data[:2], *segments, container.data[2:]))


def _segment(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(body) + 2) + body


def _frame(body: bytes) -> tuple[tuple[int, int], dict[int, float]]:
    """Width and height, and the number of samples of each component."""
    precision, height, width, number = struct.unpack_from(">BHHB", body.ljust(6, b"\0"))
    if not width * height * number or len(body) != 6 + 3 * number:
        raise Malformed
    if precision != 8 or number not in (1, 3, 4):
        raise Malformed(UNUSUAL)
    across = {body[at]: body[at + 1] >> 4 for at in range(6, len(body), 3)}
    down = {body[at]: body[at + 1] & 15 for at in range(6, len(body), 3)}
    full = max(across.values()) * max(down.values())
    if not full or len(across) != number:
        raise Malformed
    samples = {name: width * height * across[name] * down[name] / full for name in across}
    return (width, height), samples


def _scan(body: bytes) -> tuple[bytes, range, int]:
    """The components and frequencies of a scan, and its lowest bit."""
    number = body[0] if body else 0
    if not number or len(body) != 4 + 2 * number:
        raise Malformed
    first, last, bits = body[-3:]
    return body[1:-3:2], range(first, min(last, 63) + 1), bits & 15
