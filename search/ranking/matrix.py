"""What is ranked, what is asked, and what comes back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.ranking.bounds import Bounds, Vectors
from search.ranking.order import Order
from search.ranking.tuning import Doubles, Labelled

Positions = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Matrix:
    """Unit rows, and where each item's rows start."""

    rows: Vectors  # (n, dim)
    starts: Positions  # (items,), rising, the first 0: every item has a row
    bounds: Bounds | None = None  # without them every row is scored
    labelled: Labelled | None = None  # without it items are ordered by score

    def rows_of(self, items: Positions) -> tuple[Positions, Positions]:
        """All rows of these items in a line, and where in that line each item starts."""
        return rows_of(self.starts, len(self.rows), items)

    def best_of(self, values: Vectors) -> Vectors:
        """Each item's greatest value (items,) among those of its rows (n,)."""
        if len(self.starts) == len(values):
            return values
        return np.maximum.reduceat(values, self.starts)


def rows_of(starts: Positions, count: int, items: Positions) -> tuple[Positions, Positions]:
    """All rows of some items in a line, and where in that line each item starts.

    `starts` are the first rows of all items, which have `count` rows together.
    """
    if len(starts) == count:
        return items, np.arange(len(items))
    lengths = np.append(starts[1:], count)[items] - starts[items]
    offsets = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts[items] - offsets, lengths), offsets


@dataclass(frozen=True)
class Question:
    """What is asked of a matrix."""

    query: Vectors  # (dim,), of unit length
    k: int
    threshold: float
    mask: Mask | None  # (items,)
    order: Order

    @property
    def counts(self) -> bool:
        """Whether it must be found out which items match: every score is at least -1."""
        return self.threshold > -1


@dataclass(frozen=True)
class Ranking:
    """The best items in order, and which items are good enough at all."""

    items: Positions  # (<= k,), best first; ties by position
    rows: Positions  # (<= k,), the best row of each
    scores: Doubles  # (<= k,), cosine of each
    keys: Doubles  # (<= k,), what orders them
    matched: Mask  # (items,), at or above the threshold, within the mask or not; read only
