"""The coded size of an HEVC picture (ITU-T H.265, section 7.3)."""

from catalog.pictures.containers.bits import Bits
from catalog.pictures.containers.contract import Malformed

SLICES = range(32)  # kinds of units
SEQUENCE = 33
HARMLESS = {35, 39, 40}  # delimiters and supplemental information
MAX_UNITS = 1_000
HEAD = 128  # bytes; the fields of interest are at the start of a unit


def coded(data: bytes, configuration: bytes) -> tuple[tuple[int, int], float]:
    """Of the one picture that `data` holds, width and height, and the bytes a pixel of its planes.

    `configuration` is the body of the box "hvcC", which holds the parameter sets. Raises Malformed.
    """
    if len(configuration) < 23:
        raise Malformed
    found = set()
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
                found.add(_sequence(configuration[start : min(place, start + HEAD)]))
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
    if len(found) != 1 or pictures != 1 or place != len(data):
        raise Malformed
    return found.pop()


def _sequence(unit: bytes) -> tuple[tuple[int, int], float]:
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
    chroma = bits.golomb()
    if chroma == 3:
        bits.number(1)
    size = bits.golomb(), bits.golomb()
    if bits.number(1):
        for _ in range(4):  # the part that is shown
            bits.golomb()
    is_deep = bits.golomb() or bits.golomb()  # depth of brightness and of colour, over eight
    return size, (1.0, 1.5, 2.0, 3.0)[min(chroma, 3)] * (2 if is_deep else 1)
