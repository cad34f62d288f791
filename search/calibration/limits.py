"""Where the bands of a catalog lie, found from pairs of its pictures. NumPy only.

* Similar: one in a hundred unrelated pairs comes so close.
* Very close: three of four changed copies do, and at most one in a thousand pairs of a category.
* Exact: nineteen of twenty copies that were only saved anew do.

They are rounded to hundredths, for people, and keep within what words can mean.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.bands import WORDS, Bands

Scores = NDArray[np.float64]  # cosines

UNRELATED = 0.01  # share of the unrelated pairs that reach "similar"
RELATED = 0.001  # share of the related pairs that reach "very close"
COPIES = 0.75  # share of the changed copies that do
SAVED_ANEW = 0.95  # share of the copies saved anew that reach "exact"
FEWEST = round(1 / RELATED)  # related pairs that say something
STEP = 0.01
RANGES = {"similar": (0.3, 0.9), "very_close": (0.5, 0.97), "exact": (0.9, 0.99)}


@dataclass(frozen=True)
class Pairs:
    """Cosines of pairs of pictures."""

    saved_anew: Scores  # of photos and copies that were only compressed or made smaller
    copies: Scores  # of photos and copies that were changed in any way
    related: Scores  # of two products of the same category
    unrelated: Scores  # of two products of different ones, or where there is only one, of any two


def limits(pairs: Pairs) -> Bands:
    """The bands for pictures whose pairs score so; there are unrelated pairs and copies."""
    alike = pairs.related if len(pairs.related) >= FEWEST else pairs.unrelated
    similar = _within("similar", np.quantile(pairs.unrelated, 1 - UNRELATED))
    close = max(np.quantile(alike, 1 - RELATED), np.quantile(pairs.copies, 1 - COPIES))
    very_close = max(_within("very_close", close), similar + STEP)
    exact = _within("exact", np.quantile(pairs.saved_anew, 1 - SAVED_ANEW))
    return Bands(max(exact, round(very_close + STEP, 2)), round(very_close, 2), similar)


def rates(bands: Bands, pairs: Pairs) -> dict[str, dict[str, float]]:
    """By kind of pair and band, the share of the pairs; of each kind that there is they sum to 1.

    What copies have outside of the upper two bands, and unrelated pairs above the lowest, is error.
    """
    return {kind: shares(bands, scores) for kind, scores in vars(pairs).items() if len(scores)}


def shares(bands: Bands, scores: Scores) -> dict[str, float]:
    """By band, the share of at least one score."""
    rising = [bands.similar, bands.very_close, bands.exact]
    places = np.searchsorted(rising, scores, side="right")
    counts = np.bincount(places, minlength=len(WORDS))[::-1]
    return dict(zip(WORDS, (counts / len(scores)).tolist(), strict=True))


def _within(name: str, limit: float) -> float:
    return round(float(np.clip(limit, *RANGES[name])), 2)
