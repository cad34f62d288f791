"""The blocks of a lossless WebP (RFC 9649, section 3), each of which may have prefix codes.

A decoder takes up to 20 kB for the codes of each block, so that a file of 355 kB could take 300 MB
beside its pixels. How many blocks there are stands behind the data of the transforms, whose pixels
have no length: they are read, but not kept.
"""

from catalog.pictures.containers.contract import Malformed, too_many_parts

PREDICTOR, CROSS_COLOUR, SUBTRACT_GREEN, PALETTE = range(4)  # transforms
LENGTHS = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)  # order of their codes
REPEATS = {16: (2, 3), 17: (3, 3), 18: (7, 11)}  # bits of a repetition, and how often at least
LITERALS, COPIES, DISTANCES = 256, 24, 40  # symbols

MAX_TRANSFORM_PIXELS = 250_000  # encoders write two for each block of 256 pixels at most

# For each number of as many bits as the longest code has: the symbol whose code it begins with,
# times 16, plus the width of that code. The length is a power of two.
Code = list[int]


class Stream:
    """Reads numbers from bytes, the lowest bit first; behind the end, it reads zeros."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def peek(self) -> int:
        """The next bits: 65 or more, which is more than four codes take."""
        start = self.place >> 3
        return int.from_bytes(self.data[start : start + 9], "little") >> (self.place & 7)

    def number(self, width: int) -> int:
        """The next number of that many bits."""
        number = self.peek() & ((1 << width) - 1)
        self.place += width
        return number

    def symbol(self, code: Code) -> int:
        """The next symbol."""
        entry = code[self.peek() & (len(code) - 1)]
        self.place += entry & 15
        return entry >> 4


def blocks(data: bytes, size: tuple[int, int]) -> int:
    """The number of blocks of the pixels in `data`, which is what follows the size.

    Raises Malformed, also where finding out would take long.
    """
    stream = Stream(data)
    width, height = size
    seen = set()
    pixels = 0
    while stream.number(1):
        kind = stream.number(2)
        if kind in seen:
            raise Malformed
        seen.add(kind)
        if kind in (PREDICTOR, CROSS_COLOUR):
            number = _divided(stream, width, height)
        elif kind == PALETTE:
            number = stream.number(8) + 1
            packed = 3 if number <= 2 else 2 if number <= 4 else 1 if number <= 16 else 0
            width = -(-width // (1 << packed))
        else:
            continue
        pixels += number
        if pixels > MAX_TRANSFORM_PIXELS:
            raise too_many_parts("WebP")
        _skip(stream, number)
    if stream.number(1):  # a cache of colours
        stream.number(4)
    return _divided(stream, width, height) if stream.number(1) else 1


def _divided(stream: Stream, width: int, height: int) -> int:
    """The number of blocks of a size that stands here."""
    bits = stream.number(3) + 2
    side = 1 << bits
    return -(-width // side) * -(-height // side)


def _skip(stream: Stream, number: int) -> None:
    """Read so many pixels, which have one group of codes. Raises Malformed."""
    cached = 1 << stream.number(4) if stream.number(1) else 0
    green, red, blue, alpha, distance = (
        _code(stream, symbols)
        for symbols in (LITERALS + COPIES + cached, LITERALS, LITERALS, LITERALS, DISTANCES)
    )
    # Those that take bits, of which a file may have a million.
    others = [(code, len(code) - 1) for code in (red, blue, alpha) if len(code) > 1]
    while number > 0:
        bits = stream.peek()
        entry = green[bits & (len(green) - 1)]
        stream.place += entry & 15
        bits >>= entry & 15
        symbol = entry >> 4
        if symbol < LITERALS:
            for code, mask in others:
                width = code[bits & mask] & 15
                stream.place += width
                bits >>= width
            number -= 1
        elif symbol < LITERALS + COPIES:
            number -= _amount(stream, symbol - LITERALS)
            _amount(stream, stream.symbol(distance))
        else:
            number -= 1
    if number:
        raise Malformed


def _amount(stream: Stream, symbol: int) -> int:
    """A length or a distance."""
    if symbol < 4:
        return symbol + 1
    width = (symbol - 2) >> 1
    return ((2 + (symbol & 1)) << width) + stream.number(width) + 1


def _code(stream: Stream, symbols: int) -> Code:
    """A prefix code for so many symbols. Raises Malformed."""
    if stream.number(1):
        several = stream.number(1)
        first = stream.number(8 if stream.number(1) else 1)
        return [first << 4 | 1, stream.number(8) << 4 | 1] if several else [first << 4]
    widths = [0] * len(LENGTHS)
    for place in LENGTHS[: stream.number(4) + 4]:
        widths[place] = stream.number(3)
    lengths_code = _canonical(widths)
    left = symbols
    if stream.number(1):
        left = 2 + stream.number(2 + 2 * stream.number(3))
    lengths: list[int] = []
    before = 8
    while len(lengths) < symbols and left:
        left -= 1
        length = stream.symbol(lengths_code)
        if length in REPEATS:
            width, least = REPEATS[length]
            lengths += [before if length == 16 else 0] * (stream.number(width) + least)
        else:
            lengths.append(length)
            before = length or before
    if len(lengths) > symbols:
        raise Malformed
    return _canonical(lengths)


def _canonical(lengths: list[int]) -> Code:
    """The code in which the symbols have codes of these lengths; 0: none. Raises Malformed."""
    used = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    if len(used) == 1:
        return [used[0][1] << 4]
    longest = used[-1][0] if used else 0
    code = [0] * (1 << longest)
    following = before = 0
    for length, symbol in used:
        following <<= length - before
        if following >> length:
            raise Malformed
        first = int(f"{following:0{length}b}"[::-1], 2)
        code[first :: 1 << length] = [symbol << 4 | length] * (1 << longest - length)
        following, before = following + 1, length
    if not used or following != 1 << longest:  # decoders refuse what is not complete
        raise Malformed
    return code
