"""The blocks of a GIF (GIF89a) before its first frame."""

import struct

from catalog.pictures.containers.contract import Container, Malformed, too_many_parts

EXTENSION, IMAGE, CONTROL = 0x21, 0x2C, 0xF9
MAX_BLOCKS = 100_000  # of up to 255 bytes each


def read(data: bytes) -> Container:
    """The first frame of a GIF, without the extensions that do not change it. Raises Malformed."""
    try:
        width, height, flags = struct.unpack_from("<HHB", data, 6)
        place = head = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        control = b""
        blocks = 0
        while data[place] == EXTENSION:
            start, place = place, place + 2
            while length := data[place]:
                place += length + 1
                blocks += 1
                if blocks > MAX_BLOCKS:
                    raise too_many_parts("GIF")
            place += 1
            if data[start + 1] == CONTROL:
                control = data[start:place]
        if data[place] != IMAGE:
            raise Malformed
        left, top, across, down = struct.unpack_from("<HHHH", data, place + 1)
    except (IndexError, struct.error) as error:
        raise Malformed from error
    size = max(width, left + across), max(height, top + down)  # as Pillow takes it
    return Container(
        format="GIF",
        data=data[:head] + control + data[place:],
        size=size,
        memory=2,  # an index a pixel, and the picture, which is halved if it is large
        time=20,
    )
