"""Reads the structure of a file in one pass, before any decoder sees it.

Each format has a module. `read` takes the bytes of a file to a `Container`: its first picture,
reduced to what decoding needs, with its size, orientation and profile. Cost is linear and memory a
few times the file. `write`, where a format has it, adds orientation and profile to that picture.
"""

from catalog.pictures.containers import gif, isobmff, jpeg, png, webp
from catalog.pictures.containers.contract import Container, Malformed

__all__ = ["READERS", "WRITERS", "Container", "Malformed"]

# What a file of a format starts with, as a regular expression, and its reader.
READERS = {
    rb"\xff\xd8\xff": jpeg.read,
    rb"\x89PNG\r\n\x1a\n": png.read,
    rb"GIF8[79]a": gif.read,
    rb"RIFF....WEBP": webp.read,
    rb"....ftyp": isobmff.read,
}
WRITERS = {"JPEG": jpeg.write, "PNG": png.write, "WEBP": webp.write}
