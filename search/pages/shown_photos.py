"""The photo that was given, as the page shows it: whole, with what was not looked at in shade."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from search.queries.photos import Crop
from search.queries.query import Query


@dataclass(frozen=True)
class ShownPhoto:
    """The preview's size in pixels, and the part of it that the network saw, in fractions."""

    width: int
    height: int
    seen: Crop
    is_cropped: bool

    @property
    def is_whole(self) -> bool:
        """Whether the network saw all of it but a margin that nobody would miss."""
        return min(self.seen[2:]) > 0.97

    @property
    def shade(self) -> str:
        """An SVG path over what the network did not see, one unit wide and high."""
        x, y, width, height = (f"{number:.4f}" for number in self.seen)
        return f"M0 0H1V1H0ZM{x} {y}h{width}v{height}h-{width}Z"


def shown_photo(query: Query) -> ShownPhoto | None:
    """The photo of a query, None where there is none to show."""
    if not query.preview:
        return None
    with Image.open(BytesIO(query.preview)) as preview:
        width, height = preview.size
    return ShownPhoto(width, height, query.frame, query.crop is not None)
