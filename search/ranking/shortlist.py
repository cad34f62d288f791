"""Which items must be scored, with a certificate that the others cannot change the answer.

1. Head: bound the score of every item by the first coordinates of its rows.
2. Floor: score the items with the highest upper bounds. The k-th best key of all items cannot be
   below the k-th best of these. Where only the best item of each group counts, the keys of groups
   take the place of those of items, in both.
3. An item is in doubt if it can reach the floor, or can be on either side of the threshold.
4. Body: compute narrower bounds for the items in doubt, and repeat step 3.

Where too many items stay in doubt, as for a picture unlike any other, scoring all is cheaper.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from search.ranking.bounds import Bounds, Vectors, doubt, project
from search.ranking.matrix import (
    Mask,
    Matrix,
    Positions,
    Question,
    best_of_groups,
    estimate_items,
    products,
    rounding_error,
)

PROMISING = 64  # items scored for the floor, at least
BLOCK = 16  # items of which only the best can be among the promising ones
# Shares of the rows above which all are scored. Gathering a row costs about four times what
# scanning it does.
MOST_BODIES, MOST_SCORED = 0.3, 0.125


@dataclass(frozen=True)
class Shortlist:
    """The items to score, and which others match for certain."""

    items: Positions  # rising
    matched: Mask  # (items of the matrix,), True if certain; empty where nothing is counted


@dataclass(frozen=True)
class Probe:
    """A query as the bounds see it."""

    bounds: Bounds
    query: Bounds  # of one row
    products: Vectors  # (n,), of all heads and the query's

    def limits(self) -> "_Limits":
        """Bounds of every row's score by its head."""
        return self._around(self.products, self.bounds.after_heads * self.query.after_heads)

    def narrower_limits(self, rows: Positions) -> "_Limits":
        """Bounds of these rows' scores by head and body."""
        bodies = products(self.bounds.bodies, rows, self.query.bodies[0])
        rests = self.bounds.after_bodies[rows] * self.query.after_bodies
        return self._around(self.products[rows] + bodies, rests)

    def _around(self, middles: Vectors, rests: Vectors) -> "_Limits":
        margins = rests + np.float32(doubt(self.bounds.basis))
        return _Limits(middles, margins)


@dataclass(frozen=True)
class _Limits:
    """Upper and lower bounds of the scores of rows or items: middles plus or minus margins."""

    middles: Vectors
    margins: Vectors
    starts: Positions | None = None  # of the items' rows, where an item has several

    @cached_property
    def highs(self) -> Vectors:
        return self._best(self.middles + self.margins)

    @cached_property
    def lows(self) -> Vectors:
        return self._best(self.middles - self.margins)

    def of_items(self, starts: Positions) -> "_Limits":
        """The bounds of items whose rows start at these positions."""
        return self if len(starts) == len(self.middles) else replace(self, starts=starts)

    def _best(self, values: Vectors) -> Vectors:
        return values if self.starts is None else np.maximum.reduceat(values, self.starts)


def probes(bounds: Bounds, queries: Vectors) -> list[Probe]:
    """One for each of the queries (m, dim), in one pass over the heads."""
    projected = project(queries, bounds.basis)
    products = projected.heads @ bounds.heads.T
    return [
        Probe(bounds, projected.row(number), row_products)
        for number, row_products in enumerate(products)
    ]


def shortlist(matrix: Matrix, question: Question, probe: Probe) -> Shortlist | None:
    """The items to score, or None where they are too many."""
    count, mask = len(matrix.rows), question.mask
    limits = probe.limits().of_items(matrix.starts)
    keys = question.order.keys(limits.highs)
    if mask is not None:
        keys = np.where(mask, keys, -np.inf)
    floor = _floor(matrix, question, keys)
    items = np.flatnonzero(_doubtful(question, limits, keys >= floor))
    rows, starts = matrix.rows_of(items)
    if len(rows) > MOST_BODIES * count:
        return None
    narrower = probe.narrower_limits(rows).of_items(starts)
    best = question.order.keys(narrower.highs, items) >= floor
    still = _doubtful(question, narrower, best if mask is None else best & mask[items])
    matched = _certain(limits, narrower, items, question)
    items = items[still]
    if len(matrix.rows_of(items)[0]) > MOST_SCORED * count:
        return None
    return Shortlist(items, matched)


def _doubtful(question: Question, limits: _Limits, best: Mask) -> Mask:
    """True for items that can be among the best or on either side of the threshold."""
    if not question.counts:
        return best
    possible: Mask = limits.highs >= question.threshold
    return possible & (best | (limits.lows < question.threshold))


def _certain(limits: _Limits, narrower: _Limits, items: Positions, question: Question) -> Mask:
    """True for items whose lower bound reaches the threshold; empty where nothing is counted."""
    if not question.counts:
        return np.empty(0, bool)
    certain: Mask = limits.lows >= question.threshold
    certain[items] |= narrower.lows >= question.threshold
    return certain


def _floor(matrix: Matrix, question: Question, keys: Vectors) -> float:
    """A key that each of the k best items, or groups of items, reaches."""
    k, groups = question.k, question.groups
    if not k:
        return np.inf
    error, tries = rounding_error(len(question.query)), max(PROMISING, 2 * k)
    while True:
        items = _promising(keys, tries)
        scores = estimate_items(matrix, question.query, items)
        good = scores >= question.threshold + error
        best = question.order.keys(scores[good], items[good])
        if groups is not None:
            best = best_of_groups(best, groups[items[good]])
            best = best[best > -np.inf]
        if k <= len(best):
            return float(np.partition(best, -k)[-k]) - 2 * question.order.rounding_error(error)
        if groups is None or not good.all() or tries > MOST_SCORED * len(keys):
            return float(np.finfo(np.float32).min)  # above the -inf of items outside the mask
        tries *= 4  # the most promising items are of few groups


def _promising(keys: Vectors, tries: int) -> Positions:
    """Approximately the items with the greatest keys within the mask; any items give a floor.

    Only the best of every BLOCK items is considered, which avoids a partition of all.
    """
    blocks = len(keys) // BLOCK
    if tries < blocks:
        columns = keys[: BLOCK * blocks].reshape(BLOCK, blocks)
        best = np.argpartition(columns.max(axis=0), -tries)[-tries:]
        found = columns[:, best].argmax(axis=0) * blocks + best
    else:
        found = np.argsort(keys)[-tries:]
    chosen: Positions = found[keys[found] > -np.inf]
    return chosen
