"""Reduces an ICC profile to what turns pixels into colours at a bounded cost (ICC.1:2022).

A profile may hold chains of elements that take minutes for one picture ("mpet"). Only matrices with
curves and tables of limited size are used: "A2B0" and "rXYZ", "rTRC" and their like.
"""

import struct
from math import prod

CHANNELS = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}
CLASSES = {b"mntr", b"scnr", b"prtr", b"spac"}
CONNECTIONS = {b"XYZ ", b"Lab "}
HEADER, ENTRY = 128, 12  # bytes
MATRIX = (b"rXYZ", b"gXYZ", b"bXYZ")
CURVES = (b"rTRC", b"gTRC", b"bTRC", b"kTRC")
TABLE, WHITE, ADAPTATION = b"A2B0", b"wtpt", b"chad"
MAX_CURVE = 4_096  # entries
LONGEST = {  # bytes
    **dict.fromkeys((*MATRIX, WHITE), 20),
    **dict.fromkeys(CURVES, 12 + 2 * MAX_CURVE),
    ADAPTATION: 8 + 4 * 9,
    TABLE: 4 * 2**20,
}
PARAMETERS = (1, 3, 4, 5, 7)  # of a parametric curve, by its kind
MAX_TAGS = 100


def bounded(profile: bytes) -> bytes:
    """A profile with only the tags of `profile` that colours need; b"" if they can't be used."""
    try:
        channels = CHANNELS[profile[16:20]]
        if profile[12:16] not in CLASSES or profile[20:24] not in CONNECTIONS:
            return b""
        (number,) = struct.unpack_from(">I", profile, HEADER)
        tags: dict[bytes, bytes] = {}
        for entry in range(min(number, MAX_TAGS)):
            name, start, size = struct.unpack_from(">4sII", profile, HEADER + 4 + ENTRY * entry)
            if name in LONGEST:
                tags.setdefault(name, profile[start : start + min(size, LONGEST[name])])
        tags = {name: body for name, body in tags.items() if _is_bounded(body, channels)}
    except (KeyError, struct.error, IndexError):
        return b""
    needed = CURVES[3:] if channels == 1 else (*MATRIX, *CURVES[:3])
    if TABLE not in tags and (channels == 4 or not tags.keys() >= set(needed)):
        return b""
    place = HEADER + 4 + ENTRY * len(tags)
    entries = bodies = b""
    for name, body in tags.items():
        entries += struct.pack(">4sII", name, place + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    head = struct.pack(">I", place + len(bodies)) + profile[4:HEADER]
    return head + struct.pack(">I", len(tags)) + entries + bodies


def _is_bounded(tag: bytes, channels: int) -> bool:
    """Whether a tag is of a kind whose cost is bounded, and holds all that it announces."""
    kind = tag[:4]
    if kind == b"XYZ ":
        return len(tag) >= 20
    if kind == b"sf32":
        return len(tag) >= 8 + 4 * 9
    if kind in (b"curv", b"para"):
        return _has_curves(tag, 0, 1)
    if kind not in (b"mft1", b"mft2", b"mAB ") or tuple(tag[8:10]) != (channels, 3):
        return False
    if kind == b"mft1":
        return len(tag) >= 48 + 256 * (channels + 3) + 3 * prod([tag[10]] * channels)
    if kind == b"mft2":
        first, last = struct.unpack_from(">HH", tag, 48)
        values: int = first * channels + last * 3 + 3 * prod([tag[10]] * channels)
        return len(tag) >= 52 + 2 * values
    after, matrix, middle, table, before = struct.unpack_from(">5I", tag, 12)
    if table:
        grid, depth = tag[table : table + channels], tag[table + 16]
        if len(tag) < table + 20 + prod(grid) * 3 * depth or depth not in (1, 2):
            return False
    return (
        (not matrix or len(tag) >= matrix + 4 * 12)
        and (not after or _has_curves(tag, after, 3))
        and (not middle or _has_curves(tag, middle, 3))
        and (not before or _has_curves(tag, before, channels))
    )


def _has_curves(tag: bytes, place: int, number: int) -> bool:
    """Whether that many curves of limited length stand there, one behind another."""
    for _ in range(number):
        kind = tag[place : place + 4]
        if kind == b"curv":
            (length,) = struct.unpack_from(">I", tag, place + 8)
            if length > MAX_CURVE:
                return False
            place += 12 + 2 * length
        elif kind == b"para":
            (form,) = struct.unpack_from(">H", tag, place + 8)
            place += 12 + 4 * PARAMETERS[form]
        else:
            return False
        if place > len(tag):
            return False
        place += -place % 4
    return True
