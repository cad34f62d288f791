"""Exact ranking by cosine over a matrix of unit rows. NumPy only.

An item has one row or several, one after the other; its score is that of its best row.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK = 4096  # rows that are taken to double precision at a time

Positions = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Matrix:
    """Unit rows, and where each item's rows start."""

    rows: NDArray[np.float32]  # (n, dim)
    starts: Positions  # (items,), rising, the first 0: every item has a row

    def rows_of(self, items: Positions) -> tuple[Positions, Positions]:
        """All rows of these items in a line, and where in that line each item starts."""
        ends = np.append(self.starts[1:], len(self.rows))
        lengths = ends[items] - self.starts[items]
        offsets = np.cumsum(lengths) - lengths
        return np.arange(lengths.sum()) + np.repeat(self.starts[items] - offsets, lengths), offsets


@dataclass(frozen=True)
class Ranking:
    """The best items in order, and which items are good enough at all."""

    items: Positions  # (<= k,), best first; ties by position
    rows: Positions  # (<= k,), the best row of each
    scores: NDArray[np.float64]  # (<= k,), cosine of each
    matched: Mask  # (items,), at or above the threshold, within the mask or not


def rank(
    matrix: Matrix,
    query: NDArray[np.float32],
    k: int,
    *,
    threshold: float = -1.0,
    mask: Mask | None = None,
) -> Ranking:
    """The `k` items within the mask most like the query (dim,), none below the threshold.

    Order and scores are those of sums in double precision, so that they do not hang on the way
    a BLAS library adds up.
    """
    scores, error = _approximate(matrix, query), rounding_error(len(query))
    matched = scores >= threshold + error
    border = np.flatnonzero(~matched & (scores >= threshold - error))
    matched[border] = score_items(matrix, query, border)[0] >= threshold
    eligible = np.flatnonzero(matched if mask is None else matched & mask)
    candidates = _best(scores, eligible, k, margin=2 * error)
    exact, rows = score_items(matrix, query, candidates)
    order = np.lexsort((candidates, -exact))[:k]
    return Ranking(candidates[order], rows[order], exact[order], matched)


def score_items(
    matrix: Matrix, query: NDArray[np.float32], items: Positions
) -> tuple[NDArray[np.float64], Positions]:
    """The cosine of each item's best row, at most 1, and that row; both (len(items),).

    Summed in double precision, row by row: a score depends on nothing but the row and the query.
    A matrix product would not do: a BLAS library adds up differently by the number of rows, so
    that equal rows come out unequal.
    """
    if not len(items):
        return np.empty(0), np.empty(0, np.intp)
    rows, starts = matrix.rows_of(items)
    scores = _exact(matrix.rows, query, rows)
    best = np.maximum.reduceat(scores, starts)
    lengths = np.diff(np.append(starts, len(rows)))
    is_best = np.flatnonzero(scores == np.repeat(best, lengths))
    return best, rows[is_best[np.searchsorted(is_best, starts)]]


def rounding_error(dim: int) -> float:
    """How far a single precision product of unit vectors (dim,) can be from the true one.

    At most dim * u * |a|.|b| in whatever order it is summed, to the first order in the unit
    roundoff u = 2**-24, and |a|.|b| <= 1 by Cauchy-Schwarz (Higham, Accuracy and Stability of
    Numerical Algorithms, 2nd ed., section 3.1). A hundredth more covers the higher orders and
    rows that are of unit length only nearly.
    """
    return 1.01 * dim * 2.0**-24


def _exact(
    rows: NDArray[np.float32], query: NDArray[np.float32], positions: Positions
) -> NDArray[np.float64]:
    doubles, scores = query.astype(np.float64), np.empty(len(positions))
    for start in range(0, len(positions), CHUNK):
        chunk = slice(start, start + CHUNK)
        scores[chunk] = (rows[positions[chunk]].astype(np.float64) * doubles).sum(axis=1)
    return np.clip(scores, -1.0, 1.0)


def _approximate(matrix: Matrix, query: NDArray[np.float32]) -> NDArray[np.float32]:
    """The items' scores (items,) in single precision."""
    scores: NDArray[np.float32] = matrix.rows @ query
    if len(matrix.starts) == len(scores):
        return scores
    return np.maximum.reduceat(scores, matrix.starts)


def _best(scores: NDArray[np.float32], items: Positions, k: int, *, margin: float) -> Positions:
    """All items that can be among the `k` best once rounding is taken into account."""
    if k >= len(items):
        return items
    kth = np.partition(scores[items], -k)[-k] if k else np.inf
    return items[scores[items] >= kth - margin]
