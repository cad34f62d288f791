"""Explains why two pictures match: which regions agree, and how much look and colour add.

A network that ends in average pooling makes the cosine of two pictures an exact sum over the
regions of either (Stylianou, Souvenir and Pless, "Visualizing Deep Similarity Networks", 2019).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.embedders.preprocessing import squares
from catalog.embedders.runtime import Embedder
from search.queries.query import Seen

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in Pillow's mode "L"
# From linear sRGB to XYZ, each relative to the white point D65 (IEC 61966-2-1).
XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
) / np.array([[0.9505], [1.0], [1.089]], np.float32)
BINS = (6, 13, 13)  # of L*, a*, b*; grey is in the middle of a bin
RANGES = ((0, 100), (-100, 100), (-100, 100))

Pixels = NDArray[np.uint8]  # (..., size, size, 3)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Explanation:
    """What the cosine of two pictures is made of."""

    first: Floats  # (rows, columns), what each region adds; the sum is the cosine
    second: Floats  # the same for the other picture
    look: float  # the cosine of both in shades of grey
    colour: float  # the share of colours in common, from 0 to 1


def explain(first: Seen, second: Seen, embedder: Embedder) -> Explanation:
    """What each region of two pictures adds to their cosine, and what look and colour add.

    The network sees a picture in two squares; the regions of both are mapped to the picture.
    """
    pixels = np.stack([first.pixels, second.pixels])
    regions = embedder.regions(pixels)  # (2, 2, rows, columns, dim)
    vectors = regions.sum(axis=(1, 2, 3))
    parts = np.einsum("psrcd,pd->psrc", regions, vectors[::-1])
    luma = (pixels @ LUMA + 0.5).astype(np.uint8)
    grey = np.repeat(luma[..., np.newaxis], 3, axis=-1)
    look = np.prod(embedder.embed(grey), axis=0).sum()
    colour = likeness_of_colours(first.pixels[0], second.pixels[0])
    return Explanation(laid(parts[0], first.size), laid(parts[1], second.size), float(look), colour)


def laid(parts: Floats, size: tuple[int, int]) -> Floats:
    """Values by region of both squares (2, rows, columns), added up by region of the picture.

    Where a square extends beyond the picture, its values go to the picture's edge.
    """
    width, height = size
    picture = np.zeros(parts.shape[1:], np.float32)
    for square, (left, top, right, bottom) in zip(parts, squares(width, height), strict=True):
        down = _shares(top / height, bottom / height, len(square))
        across = _shares(left / width, right / width, square.shape[1])
        picture += down @ square @ across.T
    return picture


def _shares(start: float, end: float, count: int) -> Floats:
    """The overlap (count, count) of the regions from 0 to 1 with those from start to end.

    Each column is one of the latter `count` regions, and sums to 1.
    """
    length = (end - start) / count
    starts = start + length * np.arange(count)
    before = (np.arange(count + 1)[:, np.newaxis] / count - starts) / length
    before[0], before[-1] = 0, 1
    shares: Floats = np.diff(before.clip(0, 1), axis=0).astype(np.float32)
    return shares


def likeness_of_colours(first: Pixels, second: Pixels) -> float:
    """The share of colours that two pictures have in common, from 0 to 1.

    The intersection of their histograms (Swain and Ballard, "Color Indexing", 1991) in CIELAB,
    where distances are close to what people perceive.
    """
    return float(np.minimum(_histogram(first), _histogram(second)).sum())


def _histogram(pixels: Pixels) -> NDArray[np.float64]:
    """Shares of colours, spread over adjacent bins, so that small differences matter little."""
    histogram = np.histogramdd(_lab(pixels).reshape(-1, 3), BINS, RANGES)[0]
    for axis in range(3):
        padded = np.moveaxis(np.pad(histogram, [(int(axis == a),) * 2 for a in range(3)]), axis, 0)
        spread = padded[:-2] / 4 + padded[1:-1] / 2 + padded[2:] / 4
        histogram = np.moveaxis(spread, 0, axis)
    shares: NDArray[np.float64] = histogram / histogram.sum()
    return shares


def _lab(pixels: Pixels) -> Floats:
    """sRGB pixels as L*, a*, b*."""
    rgb = pixels.astype(np.float32) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ XYZ.T
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
