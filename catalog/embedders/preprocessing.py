"""From a picture to the two squares of pixels that a network looks at."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Square = tuple[float, float, float, float]  # left, top, right, bottom in pixels

# A picture is decoded at no less than so many times the network's input. At its very size a vector
# hangs on how the decoder scales; at twice it, decoding and resizing take longer and change little.
DETAIL = 4 / 3
# How much the two count in a picture's vector. The whole as much as the centre finds fewer products
# of the same kind; not at all, fewer that are shown in part.
CENTRE, WHOLE = 1.0, 0.5
# Part of every embedder's identity: change it whenever the network gets to see other pixels.
PREPROCESSING = (
    f"decoded at {DETAIL:.3f} times the input, without margins, centre crop and {WHOLE} of the "
    "whole on its mean colour, bicubic, 1"
)


def squares(width: int, height: int) -> tuple[Square, Square]:
    """The largest centred square within a picture of this size, and the smallest around it."""
    boxes = []
    for side in (min(width, height), max(width, height)):
        left, top = (width - side) / 2, (height - side) / 2
        boxes.append((left, top, left + side, top + side))
    return boxes[0], boxes[1]


def to_pixels(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """Centre and whole of an RGB picture, as (2, size, size, 3) uint8.

    Both keep the shape of things: squashing finds fewer products of the same kind. Around the
    whole is its mean colour.
    """
    centre = picture.resize((size, size), Image.Resampling.BICUBIC, squares(*picture.size)[0])
    return np.stack([np.asarray(centre), np.asarray(_whole(picture, size))])


def _whole(picture: Image.Image, size: int) -> Image.Image:
    scale = size / max(picture.size)
    width, height = (max(1, round(scale * side)) for side in picture.size)
    whole = picture.resize((width, height), Image.Resampling.BICUBIC)
    mean = whole.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    square = Image.new("RGB", (size, size), mean)
    square.paste(whole, ((size - width) // 2, (size - height) // 2))
    return square
