"""The coded size of an AV1 picture (AV1 Bitstream & Decoding Process Specification, section 5)."""

from dataclasses import dataclass

from catalog.pictures.containers.bits import Bits
from catalog.pictures.containers.contract import Malformed

SEQUENCE, HEADER, FRAME = 1, 3, 6  # kinds of units
MAX_UNITS = 1_000
HEAD = 64  # bytes; the fields of interest are at the start of a unit
SELECT = 2  # seq_force_screen_content_tools and seq_force_integer_mv: the frame says it

SRGB = 0x010D00  # primaries, transfer and matrix, with which planes are never halved


@dataclass(frozen=True, slots=True)
class Sequence:
    """What a sequence header says."""

    size: tuple[int, int]
    planes: float  # bytes a pixel of the decoded planes
    reduced: bool  # to a still picture whose frame has the size of the sequence
    screen_content: int
    integer_motion: int
    frame_id_bits: int


def coded(data: bytes) -> tuple[tuple[int, int], float]:
    """Of the one picture that `data` holds, width and height, and the bytes a pixel of its planes.

    Raises Malformed.
    """
    sequence = None
    frames = place = 0
    for _ in range(MAX_UNITS):
        if place >= len(data):
            break
        kind, has_extension, has_length = data[place] >> 3 & 15, data[place] & 4, data[place] & 2
        place += 2 if has_extension else 1
        length = len(data) - place
        if has_length:
            length = 0
            for shift in range(0, 56, 7):
                octet = int.from_bytes(data[place : place + 1])
                length |= (octet & 127) << shift
                place += 1
                if octet < 128:
                    break
        head = data[place : min(place + length, place + HEAD)]
        place += length
        if kind == SEQUENCE:
            found = _sequence(Bits(head))
            if sequence not in (None, found):
                raise Malformed
            sequence = found
        elif kind in (HEADER, FRAME):
            frames += 1
            if not sequence or not _has_size_of(sequence, Bits(head)):
                raise Malformed
    if not sequence or frames != 1 or place != len(data):
        raise Malformed
    return sequence.size, sequence.planes


def _sequence(bits: Bits) -> Sequence:
    profile = bits.number(3)
    bits.number(1)
    reduced = bool(bits.number(1))
    if reduced:
        bits.number(5)
    else:
        if bits.number(1):  # timing
            bits.number(64)
            if bits.number(1):
                bits.golomb()
            if bits.number(1):  # a decoder model, which no encoder of pictures writes
                raise Malformed
        has_delays = bits.number(1)
        for _ in range(bits.number(5) + 1):
            bits.number(12)
            if bits.number(5) > 7:
                bits.number(1)
            if has_delays and bits.number(1):
                bits.number(4)
    across, down = bits.number(4) + 1, bits.number(4) + 1
    size = bits.number(across) + 1, bits.number(down) + 1
    frame_id_bits = 0
    if not reduced and bits.number(1):
        frame_id_bits = bits.number(4) + 2
        frame_id_bits += bits.number(3) + 1
    bits.number(3)
    screen_content = integer_motion = SELECT
    if not reduced:
        bits.number(4)
        has_order = bits.number(1)
        bits.number(2 * has_order)
        if not bits.number(1):
            screen_content = bits.number(1)
        if screen_content and not bits.number(1):
            integer_motion = bits.number(1)
        bits.number(3 * has_order)
    bits.number(3)
    planes = _planes(bits, profile)
    return Sequence(size, planes, reduced, screen_content, integer_motion, frame_id_bits)


def _planes(bits: Bits, profile: int) -> float:
    """The bytes a pixel that the planes take, twice as many if film grain is added to a copy."""
    is_deep = bits.number(1)
    has_twelve_bits = profile == 2 and is_deep and bits.number(1)
    is_grey = profile != 1 and bits.number(1)
    is_srgb = bits.number(1) and bits.number(24) == SRGB
    is_halved = profile == 0
    if is_grey or is_srgb:
        bits.number(1)
    else:
        bits.number(1)
        if has_twelve_bits:
            is_halved = bool(bits.number(1) and bits.number(1))
        bits.number((2 if is_halved else 0) + 1)
    has_grain = bits.number(1)
    return (1 if is_grey else 1.5 if is_halved else 3) * (1 + is_deep) * (1 + has_grain)


def _has_size_of(sequence: Sequence, bits: Bits) -> bool:
    """Whether a frame is a shown key frame of the size of its sequence."""
    if sequence.reduced:
        return True
    if bits.number(4) != 1:  # existing, type (two bits), shown
        return False
    bits.number(1)
    screen_content = sequence.screen_content
    if screen_content == SELECT:
        screen_content = bits.number(1)
    if screen_content and sequence.integer_motion == SELECT:
        bits.number(1)
    bits.number(sequence.frame_id_bits)
    return not bits.number(1)
