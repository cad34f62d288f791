"""From a picture to the square of pixels that a network looks at."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DETAIL = 2  # a picture is decoded at no less than so many times the network's input
# Part of every embedder's identity: change it whenever the network gets to see other pixels.
PREPROCESSING = f"decoded at {DETAIL} times the input, centre crop, bicubic, 1"


def to_pixels(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """The largest centred square of an RGB picture as (size, size, 3) uint8.

    Keeping the aspect ratio matters: squashing finds fewer products of the same kind.
    """
    side = min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box))
