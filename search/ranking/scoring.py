"""Scores of rows: fast ones in single precision, and those that count in double."""

import numpy as np
from numpy.typing import NDArray

from search.ranking.bounds import CHUNK, Vectors
from search.ranking.matrix import Matrix, Positions

# Numbers picked out at a time: they stay in the cache, and from some 2**18.8 on OpenBLAS would
# wake its threads, which under load wait for each other longer than the product takes.
PICKED = 2**18


def score_items(
    matrix: Matrix, query: Vectors, items: Positions
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


def estimate_items(matrix: Matrix, query: Vectors, items: Positions) -> Vectors:
    """The items' scores (len(items),) in single precision, within `rounding_error`."""
    if not len(items):
        return np.empty(0, np.float32)
    rows, starts = matrix.rows_of(items)
    return np.maximum.reduceat(products(matrix.rows, rows, query), starts)


def products(table: Vectors, positions: Positions, vector: Vectors) -> Vectors:
    """The products (len(positions),) of a vector (dim,) with some rows of a table (n, dim)."""
    size = max(1, PICKED // max(1, len(vector)))
    picked, sums = np.empty((size, len(vector)), np.float32), np.empty(len(positions), np.float32)
    for start in range(0, len(positions), size):
        some = positions[start : start + size]
        # Told to raise, NumPy would write to a copy of `out` first; all positions are valid.
        np.take(table, some, axis=0, out=picked[: len(some)], mode="clip")
        np.dot(picked[: len(some)], vector, out=sums[start : start + size])
    return sums


def rounding_error(dim: int) -> float:
    """How far a single precision product of unit vectors (dim,) can be from the true one.

    At most dim * u * |a|.|b| in whatever order it is summed, to the first order in the unit
    roundoff u = 2**-24, and |a|.|b| <= 1 by Cauchy-Schwarz (Higham, Accuracy and Stability of
    Numerical Algorithms, 2nd ed., section 3.1). Two units more are for comparing in single
    precision. A hundredth more covers the higher orders and rows that are of unit length only
    nearly.
    """
    return 1.01 * (dim + 2) * 2.0**-24


def _exact(rows: Vectors, query: Vectors, positions: Positions) -> NDArray[np.float64]:
    doubles, scores = query.astype(np.float64), np.empty(len(positions))
    for start in range(0, len(positions), CHUNK):
        chunk = slice(start, start + CHUNK)
        scores[chunk] = (rows[positions[chunk]].astype(np.float64) * doubles).sum(axis=1)
    return np.clip(scores, -1.0, 1.0)
