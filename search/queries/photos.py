"""A shopper's photo: opened, cropped, kept small enough, and shown small."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from catalog.embedders.margins import Box, within_margins
from catalog.embedders.preprocessing import to_pixels
from catalog.embedders.runtime import Embedder
from catalog.pictures.gate import encode_image, open_image
from catalog.pictures.limits import image_limits

KEPT_BYTES = 1_000_000  # a photo of more is kept as a smaller copy
KEPT_SIDE = 1600  # pixels of that copy; a crop of a fourth of it is still seen sharply
PREVIEW_SIDE = 400  # pixels of the copy that is shown beside the results
LEAST_CROP = 0.01  # a smaller part of a photo is not looked at more closely

Crop = tuple[float, float, float, float]  # x, y, width, height as fractions of the upright picture

WHOLE: Crop = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Seen:
    """What a network sees of a picture."""

    pixels: NDArray[np.uint8]  # (2, input_size, input_size, 3), its centre and the whole
    frame: Crop  # where that is: the picture, or a part of it, without margins
    size: tuple[int, int]  # width and height of that in pixels


def see(data: bytes, embedder: Embedder, crop: Crop | None = None) -> Seen:
    """What the embedder sees of a picture, or of a part of it, which it looks at more closely.

    Raises InvalidImage.
    """
    share = max(min(crop[2:]), LEAST_CROP) if crop else 1.0
    at_least = ceil(embedder.detail / share)
    picture = open_image(data, limits=image_limits(), at_least=at_least)
    part = picture.crop(_box(picture.size, crop)) if crop else picture
    left, top, right, bottom = box = within_margins(part)
    x, y, width, height = crop or WHOLE
    across, down = width / part.width, height / part.height
    size = right - left, bottom - top
    frame = x + across * left, y + down * top, across * size[0], down * size[1]
    return Seen(to_pixels(part.crop(box), embedder.input_size), frame, size)


def compact(data: bytes) -> bytes:
    """A smaller copy of a large photo, without metadata. Raises InvalidImage."""
    picture = open_image(data, limits=image_limits(), at_least=KEPT_SIDE // 2)
    return encode_image(picture, longest_side=KEPT_SIDE, quality=90)


def preview(data: bytes) -> bytes:
    """The photo as a small JPEG without metadata. Raises InvalidImage."""
    picture = open_image(data, limits=image_limits(), at_least=PREVIEW_SIDE)
    return encode_image(picture, longest_side=PREVIEW_SIDE)


def _box(size: tuple[int, int], crop: Crop) -> Box:
    (width, height), (x, y, share_x, share_y) = size, crop
    left, top = min(round(x * width), width - 1), min(round(y * height), height - 1)
    right, bottom = round((x + share_x) * width), round((y + share_y) * height)
    return left, top, max(right, left + 1), max(bottom, top + 1)
