"""What a picture's pixels tell of its quality."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 400  # pixels; blur is measured on a copy whose longer side has so many
FLAT = 1.0  # squared grey levels a pixel: fainter edges are noise

LAYOUT = (6, 6, 3)

Layouts = NDArray[np.uint8]  # (..., *LAYOUT), the colours of a picture at that size
Greys = NDArray[np.float32]  # (height, width), 0 to 255


@dataclass(frozen=True, slots=True)
class Quality:
    """What is measured of a picture."""

    side: int  # pixels of the shorter side
    sharpness: float
    spread: float  # standard deviation of its greys, of 255
    layout: Layouts


def measure(picture: Image.Image) -> Quality:
    """The quality of an RGB picture.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in
    brightfield microscopy: a comparative study", ICPR 2000) over the mean square of the gradient,
    as it would else tell patterned things from plain ones sooner than sharp from blurred.
    """
    greys = _greys(picture)
    inner = greys[1:-1, 1:-1]
    right, left, below, above = greys[1:-1, 2:], greys[1:-1, :-2], greys[2:, 1:-1], greys[:-2, 1:-1]
    laplacian = right + left + below + above - 4 * inner
    gradient = ((right - left) ** 2 + (below - above) ** 2) / 4
    sharpness = float(laplacian.var() / (gradient.mean() + FLAT))
    layout = np.asarray(picture.resize(LAYOUT[:2], Image.Resampling.BOX))
    return Quality(min(picture.size), sharpness, float(greys.std()), layout)


def agreement(one: Layouts, other: Layouts) -> float:
    """The correlation of two layouts, or of one and the mirrored other if that is more.

    Unlike the network it tells apart two patterns of one kind and one thing in two colours.
    """
    return max(_correlation(one, other), _correlation(one, other[:, ::-1]))


def _correlation(one: Layouts, other: Layouts) -> float:
    levels = [layout - layout.mean(axis=(0, 1), dtype=np.float64) for layout in (one, other)]
    lengths = [float(np.linalg.norm(level)) for level in levels]
    return float((levels[0] * levels[1]).sum() / max(1e-9, lengths[0] * lengths[1]))


def _greys(picture: Image.Image) -> Greys:
    scale = SIDE / max(picture.size)
    size = [max(3, round(side * scale)) for side in picture.size]
    grey = picture.convert("L").resize((size[0], size[1]), Image.Resampling.BICUBIC)
    return np.asarray(grey, np.float32)
