"""Reads the file of a shop's logo: an SVG, PNG or WebP."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import Image

MAX_BYTES = 200_000  # every page shows it
WIDE = 1.6  # width / height from which a logo is taken to contain the name
SVG = "{http://www.w3.org/2000/svg}svg"
TYPES = {"PNG": "image/png", "WEBP": "image/webp"}
NUMBER = re.compile(r"[0-9]*\.?[0-9]+")


class InvalidLogo(Exception):
    """The file can't be shown as a logo; the message continues a sentence about it."""


@dataclass(frozen=True)
class Logo:
    """A logo, and what pages need to know to place it."""

    data: bytes
    content_type: str
    ratio: float  # width / height
    adapts: bool  # whether it has colours of its own for dark pages

    @property
    def is_wide(self) -> bool:
        """Whether it is taken to contain the shop's name."""
        return self.ratio >= WIDE

    @cached_property
    def digest(self) -> str:
        """For its address, which changes with the file."""
        return sha256(self.data).hexdigest()[:12]


@lru_cache(maxsize=4)  # read once, even if it is damaged; another logo needs a restart
def readable_logo(file: Path) -> Logo | None:
    """The logo in a file, None if it can't be read."""
    try:
        return read_logo(file)
    except InvalidLogo:
        return None  # `search.checks` says what is wrong with it


def read_logo(file: Path) -> Logo:
    """The logo in a file. Raises InvalidLogo."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidLogo(f"it can't be read: {(error.strerror or '').lower()}") from error
    if len(data) > MAX_BYTES:
        raise InvalidLogo(f"it has {len(data) // 1000} kB; at most {MAX_BYTES // 1000} are allowed")
    if file.suffix.lower() == ".svg":
        return _drawing(data)
    try:
        with Image.open(BytesIO(data), formats=tuple(TYPES)) as picture:
            picture.load()
            width, height = picture.size
            return Logo(data, TYPES[str(picture.format)], width / height, adapts=False)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidLogo("it is not an SVG, a PNG or a WebP, or it is damaged") from error


def _drawing(data: bytes) -> Logo:
    """The logo in an SVG. Raises InvalidLogo."""
    try:
        root: Element = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise InvalidLogo("it is not well-formed XML, or it has entities") from error
    if root.tag != SVG:
        raise InvalidLogo('it does not begin with <svg xmlns="http://www.w3.org/2000/svg">')
    box = NUMBER.findall(root.get("viewBox", ""))[-2:]
    sides = box or [
        number for side in ("width", "height") for number in NUMBER.findall(root.get(side, ""))[:1]
    ]
    width, height = map(float, sides) if len(sides) == 2 else (0.0, 0.0)
    if not (width and height):
        raise InvalidLogo("its <svg> has neither a viewBox nor a width and a height")
    return Logo(data, "image/svg+xml", width / height, b"prefers-color-scheme" in data)
