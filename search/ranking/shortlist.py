"""Which items have to be scored: a certificate that the others cannot change the answer.

1. Head: limits of every item's score from the first coordinates of its rows.
2. Floor: score the items that look best by their limits. The k-th best of those is one that the
   k-th best of all cannot be below.
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
BLOCK = 16  # items of which the best is one of the promising, if any is
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
        return self._around(self.products, self.bounds.after_heads * self.query.after_heads)

    def narrower_limits(self, rows: Positions) -> "_Limits":
        """Between which these rows' scores lie, by head and body."""
        bodies = products(self.bounds.bodies, rows, self.query.bodies[0])
        rests = self.bounds.after_bodies[rows] * self.query.after_bodies
        return self._around(self.products[rows] + bodies, rests)

    def _around(self, middles: Vectors, rests: Vectors) -> "_Limits":
        margins = rests + np.float32(doubt(self.bounds.basis))
        return _Limits(middles, margins)


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
    """Of what can be among the best, and of what can be on either side of the threshold."""
    if not question.counts:
        return best
    possible: Mask = limits.highs >= question.threshold
    return possible & (best | (limits.lows < question.threshold))


def _certain(limits: _Limits, narrower: _Limits, items: Positions, question: Question) -> Mask:
    """Which items reach the threshold whatever their exact score, if that is to be known."""
    if not question.counts:
        return np.empty(0, bool)
    certain: Mask = limits.lows >= question.threshold
    certain[items] |= narrower.lows >= question.threshold
    return certain


def _floor(matrix: Matrix, question: Question, keys: Vectors) -> float:
    """What an item's key must reach at most for the item to be among the k best."""
    if not question.k:
        return np.inf
    items = _promising(keys, max(PROMISING, 2 * question.k))
    scores = estimate_items(matrix, question.query, items)
    error = rounding_error(len(question.query))
    good = scores >= question.threshold + error
    if question.k > np.count_nonzero(good):
        return float(np.finfo(np.float32).min)  # above that of what the mask leaves out
    kth = np.partition(question.order.keys(scores[good], items[good]), -question.k)[-question.k]
    return float(kth) - 2 * question.order.rounding_error(error)


def _promising(keys: Vectors, tries: int) -> Positions:
    """The items with the greatest keys within the mask: nearly, as the best of any are a floor.

    Of every BLOCK items only the best is looked at, which saves ordering all.
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
