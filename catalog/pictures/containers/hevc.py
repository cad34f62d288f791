"""The coded size of an HEVC picture (ITU-T H.265, section 7.3)."""

from catalog.pictures.containers.bits import Bits
from catalog.pictures.containers.contract import Malformed

SLICES = range(32)  # kinds of units
SEQUENCE = 33
HARMLESS = {35, 39, 40}  # delimiters and supplemental information
MAX_UNITS = 10_000
HEAD = 128  # bytes; the fields of interest are at the start of a unit


def coded_size(data: bytes, configuration: bytes) -> tuple[int, int]:
    """Width and height of the one picture that `data` holds. Raises Malformed.

    `configuration` is the body of the box "hvcC", which holds the parameter sets.
    """
    if len(configuration) < 23:
        raise Malformed
    sizes = set()
    place = 23
    for _ in range(configuration[22]):
        number = int.from_bytes(configuration[place + 1 : place + 3])
        place += 3
        for _ in range(number):
            start = place + 2
            place = start + int.from_bytes(configuration[place:start])
            if place > len(configuration):
                raise Malformed
            if configuration[start] >> 1 & 63 == SEQUENCE:
                sizes.add(_sequence_size(configuration[start : min(place, start + HEAD)]))
    pictures = place = 0
    width = (configuration[21] & 3) + 1
    for _ in range(MAX_UNITS):
        if place >= len(data):
            break
        start = place + width
        place = start + int.from_bytes(data[place:start])
        if place > len(data) or place < start + 3:
            raise Malformed
        kind = data[start] >> 1 & 63
        if kind in SLICES:
            pictures += data[start + 2] >> 7  # first slice of a picture
        elif kind not in HARMLESS:
            raise Malformed
    if len(sizes) != 1 or pictures != 1 or place != len(data):
        raise Malformed
    return sizes.pop()


def _sequence_size(unit: bytes) -> tuple[int, int]:
    bits = Bits(unit[2:].replace(b"\0\0\3", b"\0\0"))  # without the bytes that prevent start codes
    bits.number(4)
    layers = bits.number(3)
    bits.number(1 + 96)  # profile and level
    present = [(bits.number(1), bits.number(1)) for _ in range(layers)]
    if layers:
        bits.number(2 * (8 - layers))
    for profile, level in present:
        bits.number(88 * profile + 8 * level)
    bits.golomb()
    if bits.golomb() == 3:
        bits.number(1)
    return bits.golomb(), bits.golomb()
