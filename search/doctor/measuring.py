"""The quality of a picture, measured on its pixels."""

from dataclasses import dataclass

import numpy as np
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL import Image

from catalog.pictures.gate import InvalidImage, open_image
from catalog.pictures.stored import image_limits

SIDE = 400  # pixels of the longer side of the copy on which blur is measured
NOISE = 1.0  # squared grey levels per pixel; fainter edges are ignored
LAYOUT = (6, 6, 3)
# The least correlation of two layouts that show the same picture. Of 800 real photos, only two of
# one skirt exceed it together with `judging.SAME`, and none of the demo's.
AGREES = 0.93

Layouts = NDArray[np.uint8]  # (..., *LAYOUT), a picture's colours at that size
Qualities = NDArray[np.void]  # (m,) of QUALITY

# The key of a stored picture (`image_key`), and the fields of `Quality`
QUALITY = np.dtype([
    ("image", "<i8"), ("side", "<i4"), ("sharpness", "<f4"), ("spread", "<f4"),
    ("layout", "u1", LAYOUT),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quality:
    """What is measured of a picture."""

    side: int  # pixels of the shorter side
    sharpness: float
    spread: float  # standard deviation of its grey levels, from 0 to 255
    layout: Layouts

    def row(self, image: int = 0) -> tuple[object, ...]:
        """A row of QUALITY for the picture with this key."""
        return image, self.side, self.sharpness, self.spread, self.layout


def measure(picture: Image.Image) -> Quality:
    """The quality of an RGB picture.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in
    brightfield microscopy: a comparative study", ICPR 2000), divided by the mean squared gradient;
    otherwise it would tell patterned from plain objects rather than sharp from blurred pictures.
    """
    scale = SIDE / max(picture.size)
    width, height = (max(3, round(side * scale)) for side in picture.size)
    grey = picture.convert("L").resize((width, height), Image.Resampling.BICUBIC)
    levels = np.asarray(grey, np.float32)  # (height, width)
    inner, right, left = levels[1:-1, 1:-1], levels[1:-1, 2:], levels[1:-1, :-2]
    below, above = levels[2:, 1:-1], levels[:-2, 1:-1]
    laplacian = right + left + below + above - 4 * inner
    gradient = ((right - left) ** 2 + (below - above) ** 2) / 4
    sharpness = float(laplacian.var() / (gradient.mean() + NOISE))
    layout = np.asarray(picture.resize(LAYOUT[:2], Image.Resampling.BOX))
    return Quality(min(picture.size), sharpness, float(levels.std()), layout)


def measure_stored(name: str) -> Quality | None:
    """The quality of a stored picture, None if it cannot be read."""
    try:
        with default_storage.open(name) as file:
            picture = open_image(file.read(), limits=image_limits(), at_least=SIDE)
    except (OSError, InvalidImage):
        return None  # embedding it fails, too, and reports the reason on the row
    return measure(picture)


def agreement(one: Layouts, other: Layouts) -> float:
    """The correlation of two layouts, or of one and the mirrored other if that is higher.

    Unlike the network, it separates two patterns of one kind and two colours of one thing.
    """
    return max(_correlation(one, other), _correlation(one, other[:, ::-1]))


def are_same_layout(one: str, other: str) -> bool:
    """Whether the layouts of two stored pictures agree; False if one cannot be read."""
    first, second = measure_stored(one), measure_stored(other)
    return bool(first and second and agreement(first.layout, second.layout) >= AGREES)


def _correlation(one: Layouts, other: Layouts) -> float:
    levels = [layout - layout.mean(axis=(0, 1), dtype=np.float64) for layout in (one, other)]
    lengths = [float(np.linalg.norm(level)) for level in levels]
    return float((levels[0] * levels[1]).sum() / max(1e-9, lengths[0] * lengths[1]))
