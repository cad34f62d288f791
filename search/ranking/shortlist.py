"""Which items have to be scored: a certificate that the others cannot change the answer.

1. Head: limits of every item's score from the first coordinates of its rows.
2. Floor: score the items that look best by their coordinates. The k-th best of those scores is
   one that the k-th best of all cannot be below.
3. In doubt is what can reach the floor, and what can be on either side of the threshold.
4. Body: narrower limits for what is in doubt, and once more what then is.

Where too much stays in doubt, as for a picture unlike any other, it is cheaper to score all.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from search.ranking.bounds import Bounds, Vectors, doubt, project
from search.ranking.matrix import Mask, Matrix, Positions, Question
from search.ranking.scoring import estimate_items, products, rounding_error

PROMISING = 64  # items at least that are scored for the floor
# Shares of the rows. Picking out a row costs some four times what scanning it would.
MOST_BODIES, MOST_SCORED = 0.3, 0.125


@dataclass(frozen=True)
class Shortlist:
    """The items to be scored, and what is known of the others."""

    items: Positions  # rising
    matched: Mask  # (items of the matrix,), certain to match; empty where nothing is counted


@dataclass(frozen=True)
class Probe:
    """A query as the bounds see it."""

    bounds: Bounds
    query: Bounds  # of one row
    products: Vectors  # (n,), of all heads and the query's

    def limits(self) -> "_Limits":
        """Between which every row's score lies, by its head."""
        rests = self.bounds.after_heads * self.query.after_heads
        return self._around(self.products, rests)

    def narrower_limits(self, rows: Positions) -> "_Limits":
        """Between which these rows' scores lie, by head and body."""
        bodies = products(self.bounds.bodies, rows, self.query.bodies[0])
        rests = self.bounds.after_bodies[rows] * self.query.after_bodies
        return self._around(self.products[rows] + bodies, rests)

    def _around(self, middles: Vectors, rests: Vectors) -> "_Limits":
        return _Limits(middles, rests + np.float32(doubt(self.bounds.basis)))


@dataclass(frozen=True)
class _Limits:
    """What rows or items score at most, and at least."""

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
        """Those of items whose rows start there."""
        return self if len(starts) == len(self.middles) else replace(self, starts=starts)

    def _best(self, values: Vectors) -> Vectors:
        return values if self.starts is None else np.maximum.reduceat(values, self.starts)

    def doubtful(self, question: Question, floor: float, mask: Mask | None) -> Mask:
        """What can be among the best, and what can be on either side of the threshold."""
        doubtful = self.highs >= floor
        if mask is not None:
            doubtful &= mask
        if question.counts:
            doubtful |= (self.highs >= question.threshold) & (self.lows < question.threshold)
        return doubtful


def probes(bounds: Bounds, queries: Vectors) -> list[Probe]:
    """One for each of the queries (m, dim), in one pass over the heads."""
    projected = project(queries, bounds.basis)
    products = projected.heads @ bounds.heads.T
    return [
        Probe(bounds, projected.row(number), row_products)
        for number, row_products in enumerate(products)
    ]


def shortlist(matrix: Matrix, question: Question, probe: Probe) -> Shortlist | None:
    """What must be scored to answer, or None where that is too much."""
    count, mask = len(matrix.rows), question.mask
    limits = probe.limits().of_items(matrix.starts)
    floor = _floor(matrix, question, probe)
    items = np.flatnonzero(limits.doubtful(question, floor, mask))
    rows, starts = matrix.rows_of(items)
    if len(rows) > MOST_BODIES * count:
        return None
    narrower = probe.narrower_limits(rows).of_items(starts)
    still = narrower.doubtful(question, floor, None if mask is None else mask[items])
    matched = _certain(limits, narrower, items, question)
    items = items[still]
    if len(matrix.rows_of(items)[0]) > MOST_SCORED * count:
        return None
    return Shortlist(items, matched)


def _certain(limits: _Limits, narrower: _Limits, items: Positions, question: Question) -> Mask:
    """Which items reach the threshold whatever their exact score, if that is to be known."""
    if not question.counts:
        return np.empty(0, bool)
    certain: Mask = limits.lows >= question.threshold
    certain[items] |= narrower.lows >= question.threshold
    return certain


def _floor(matrix: Matrix, question: Question, probe: Probe) -> float:
    """A score that the k-th best within the mask reaches at least."""
    k = question.k
    looks = matrix.best_of(probe.products)
    eligible = len(looks) if question.mask is None else np.count_nonzero(question.mask)
    if k >= eligible:
        return question.threshold
    if not k:
        return np.inf
    if question.mask is not None:
        looks = np.where(question.mask, looks, -np.inf)
    tries = min(eligible, max(PROMISING, 2 * k))
    scores = estimate_items(matrix, question.query, np.argpartition(looks, -tries)[-tries:])
    kth = float(np.partition(scores, -k)[-k])
    return max(question.threshold, kth - rounding_error(len(question.query)))
