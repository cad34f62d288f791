"""The photo that was given, as the page shows it: whole, with what was not looked at in shade."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from search.photos import Crop
from search.queries import Query

WHOLE: Crop = (0.0, 0.0, 1.0, 1.0)


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
    seen = _centre_square(query.crop or WHOLE, width, height)
    return ShownPhoto(width, height, seen, query.crop is not None)


def _centre_square(crop: Crop, width: int, height: int) -> Crop:
    """The largest centred square of a part, as `to_pixels` takes it."""
    x, y, part_width, part_height = crop
    side = min(part_width * width, part_height * height)
    across, down = side / width, side / height
    return x + (part_width - across) / 2, y + (part_height - down) / 2, across, down
