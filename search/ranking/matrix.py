"""A matrix of unit rows, the scores of its rows, and the order that they give.

Scores are computed twice: fast ones in single precision, with a bound on their rounding error, and
those that decide in double precision.
"""

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from search.ranking.bounds import CHUNK, Bounds, Vectors
from search.ranking.tuning import LEVEL, SHARPNESS, Doubles, Items, Labelled, Reals, raised

Positions = NDArray[np.intp]
Mask = NDArray[np.bool_]

# How many numbers are gathered at a time. They stay in the cache, and the products are small
# enough (below about 2**18.8) that OpenBLAS uses one thread: under load, its threads would wait for
# each other longer than the product takes.
GATHERED_NUMBERS = 2**18
# The steepest slope of a tuned key as a function of the score, reached at a score of 1.
STEEPEST = exp(SHARPNESS * (1 - LEVEL))
# The rounding error of a key in single precision, in units of 2**-24. A key is below 4, so four
# units in the last place of exp are 16, two roundings of its argument 21, and the two
# roundings of the bonus and its addition 4; 64 leaves room.
KEY_UNITS = 64


@dataclass(frozen=True)
class Matrix:
    """Unit rows, and where the rows of each item start."""

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


@dataclass(frozen=True)
class Order:
    """What a query's answers are ordered by: keys, which are the scores or tuned from them."""

    labelled: Labelled | None
    bonuses: Doubles  # (K + 1,)

    def keys(self, scores: Vectors, items: Items = slice(None)) -> Vectors:
        """The keys of items with these scores in single precision, within `rounding_error`."""
        if self.labelled is None:
            return scores
        bonuses = self.bonuses.astype(np.float32)
        return raised(scores) + bonuses.take(self.labelled.labels[items], mode="clip")

    def exact_keys(self, scores: Doubles, items: Items) -> Doubles:
        """The same in double precision."""
        if self.labelled is None:
            return scores
        return raised(scores) + self.bonuses[self.labelled.labels[items]]

    def rounding_error(self, of_scores: float) -> float:
        """A bound on the error of keys, given one on the error of the scores."""
        if self.labelled is None:
            return of_scores
        return 1.01 * STEEPEST * of_scores + KEY_UNITS * 2.0**-24


@dataclass(frozen=True)
class Question:
    """What is asked of a matrix."""

    query: Vectors  # (dim,), of unit length
    k: int
    threshold: float
    mask: Mask | None  # (items,)
    order: Order
    # (items,), the number of each item's group, of which only the best item counts
    groups: Positions | None = None

    @property
    def counts(self) -> bool:
        """Whether there is a threshold, so that matches must be counted; no score is below -1."""
        return self.threshold > -1


@dataclass(frozen=True)
class Ranking:
    """The best items in order, and which items reach the threshold."""

    items: Positions  # (<= k,), best first; ties by position
    rows: Positions  # (<= k,), the best row of each
    scores: Doubles  # (<= k,), cosine of each
    keys: Doubles  # (<= k,), what orders them
    matched: Mask  # (items,), at or above the threshold, within the mask or not; read only


def first_of_each(groups: Positions) -> Positions:
    """The positions at which each group occurs first in these numbers of groups (m,), rising."""
    first = np.empty(groups.max(initial=-1) + 1, np.intp)
    positions = np.arange(len(groups))
    first[groups[::-1]] = positions[::-1]  # NumPy keeps what was assigned last
    return np.flatnonzero(first[groups] == positions)


def best_first(
    keys: Reals, ids: NDArray[np.integer], k: int, *, groups: Positions | None = None
) -> Positions:
    """The positions of the `k` best keys (m,), best first, and of equal keys the lowest id (m,).

    With the group (m,) of each key, only the best key of each group counts.
    """
    best = np.lexsort((ids, -keys))
    if groups is not None:
        best = best[first_of_each(groups[best])]
    return best[:k]


def contenders(keys: Reals, k: int, *, margin: float, groups: Positions | None = None) -> Positions:
    """The positions of all keys (m,) that can be among the `k` best, given their error.

    With the group (m,) of each key, the best keys are those of the groups that come first.
    """
    if not k:
        return np.empty(0, np.intp)
    best = keys if groups is None else best_of_groups(keys, groups)
    can_be: Mask = np.ones(len(keys), bool)
    if k < len(best):
        can_be = keys >= np.partition(best, -k)[-k] - margin
    if groups is not None:
        can_be &= keys >= best[groups] - margin
    return np.flatnonzero(can_be)


def best_of_groups(keys: Reals, groups: Positions) -> Reals:
    """The best key of each group, -inf for one that does not occur."""
    best = np.full(groups.max(initial=-1) + 1, -np.inf, keys.dtype)
    np.maximum.at(best, groups, keys)
    return best


def order_of(labelled: Labelled | None, query: Vectors) -> Order:
    """The order of the answers to a query (dim,)."""
    return Order(labelled, labelled.tuning.bonuses(query) if labelled else np.empty(0))


def rows_of(starts: Positions, count: int, items: Positions) -> tuple[Positions, Positions]:
    """All rows of some items in a line, and where in that line each item starts.

    `starts` are the first rows of all items, which have `count` rows together.
    """
    if len(starts) == count:
        return items, np.arange(len(items))
    lengths = np.append(starts[1:], count)[items] - starts[items]
    offsets = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts[items] - offsets, lengths), offsets


def score_items(matrix: Matrix, query: Vectors, items: Positions) -> tuple[Doubles, Positions]:
    """The cosine of each item's best row, at most 1, and that row; both (len(items),).

    The sum is in double precision and row by row, so a score depends only on the row and the query.
    A matrix product would not do: BLAS sums in an order that depends on the number of rows, so
    equal rows would get unequal scores.
    """
    if not len(items):
        return np.empty(0), np.empty(0, np.intp)
    rows, starts = matrix.rows_of(items)
    doubles, scores = query.astype(np.float64), np.empty(len(rows))
    for start in range(0, len(rows), CHUNK):
        chunk = slice(start, start + CHUNK)
        scores[chunk] = (matrix.rows[rows[chunk]].astype(np.float64) * doubles).sum(axis=1)
    scores = np.clip(scores, -1.0, 1.0)
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
    size = max(1, GATHERED_NUMBERS // max(1, len(vector)))
    gathered, sums = np.empty((size, len(vector)), np.float32), np.empty(len(positions), np.float32)
    for start in range(0, len(positions), size):
        some = positions[start : start + size]
        # All positions are valid; mode="raise" would copy `out` before writing to it.
        np.take(table, some, axis=0, out=gathered[: len(some)], mode="clip")
        np.dot(gathered[: len(some)], vector, out=sums[start : start + size])
    return sums


def rounding_error(dim: int) -> float:
    """A bound on the error of a product of two unit vectors (dim,) in single precision.

    In whatever order it is summed, the error is at most dim * u * |a|.|b| to first order in the
    unit roundoff u = 2**-24 (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed.,
    section 3.1), and |a|.|b| <= 1 by the Cauchy-Schwarz inequality. Two more units cover
    comparisons in single precision; one percent covers higher orders and rows whose length is only
    nearly 1.
    """
    return 1.01 * (dim + 2) * 2.0**-24
