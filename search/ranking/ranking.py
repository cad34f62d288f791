"""The ranking itself: score the items that can matter, then order them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search.ranking.bounds import Vectors
from search.ranking.matrix import (
    Mask,
    Matrix,
    Positions,
    Question,
    Ranking,
    best_first,
    contenders,
    estimate_items,
    order_of,
    rounding_error,
    score_items,
)
from search.ranking.shortlist import Probe, probes, shortlist

MAX_SCORES = 2**24  # held at a time for queries that share a pass: 64 MB
MAX_QUERIES = 64  # that share a pass
FEW_ROWS = 0.03  # the share of rows below which scoring them is faster than bounding all


@dataclass(frozen=True)
class _Scored:
    """The items that can matter, and which of the others certainly match."""

    items: Positions  # rising
    scores: Vectors  # (len(items),), in single precision
    matched: Mask  # (items of the matrix,), True for items not in `items` that certainly match


class Scan:
    """One query's pass over a matrix, which several rankings share."""

    def __init__(self, matrix: Matrix, query: Vectors) -> None:
        self.matrix, self.query = matrix, query
        self._order = order_of(matrix.labelled, query)

    def rank(
        self,
        k: int,
        *,
        threshold: float = -1.0,
        mask: Mask | None = None,
        groups: Positions | None = None,
    ) -> Ranking:
        """As the function `rank`."""
        question = self.question(k, threshold, mask, groups)
        return self.settle(question, self.score_few(question) or self.score_all())

    def question(
        self, k: int, threshold: float, mask: Mask | None, groups: Positions | None = None
    ) -> Question:
        """The arguments of `rank` as one value."""
        return Question(self.query, k, threshold, mask, self._order, groups)

    @cached_property
    def probe(self) -> Probe | None:
        """The query's coordinates in the basis of the bounds, None without bounds."""
        bounds = self.matrix.bounds
        return probes(bounds, self.query[np.newaxis])[0] if bounds else None

    @cached_property
    def scores(self) -> Vectors:
        """The scores of all rows (n,)."""
        return self.matrix.rows @ self.query

    def score_few(self, question: Question) -> _Scored | None:
        """Score the few items that can matter; None where they are too many."""
        matrix = self.matrix
        if question.mask is not None and not question.counts:
            items = np.flatnonzero(question.mask)
            if len(matrix.rows_of(items)[0]) <= FEW_ROWS * len(matrix.rows):
                return self._estimated(items, np.empty(0, bool))
        if self.probe is None or "scores" in vars(self):  # no bounds, or all rows scored already
            return None
        found = shortlist(matrix, question, self.probe)
        return self._estimated(found.items, found.matched) if found else None

    def score_all(self) -> _Scored:
        """Score all items."""
        count = len(self.matrix.starts)
        scores = self.matrix.best_of(self.scores)
        return _Scored(np.arange(count), scores, np.zeros(count, bool))

    def settle(self, question: Question, scored: _Scored) -> Ranking:
        """Order the scored items, in double precision wherever single precision could be wrong."""
        good = _good(self.matrix, question, scored)
        eligible = np.flatnonzero(
            good if question.mask is None else good & question.mask[scored.items]
        )
        items, groups = scored.items[eligible], question.groups
        keys = question.order.keys(scored.scores[eligible], items)
        margin = 2 * question.order.rounding_error(rounding_error(len(question.query)))
        of_items = None if groups is None else groups[items]
        items = items[contenders(keys, question.k, margin=margin, groups=of_items)]
        scores, rows = score_items(self.matrix, question.query, items)
        exact = question.order.exact_keys(scores, items)
        of_items = None if groups is None else groups[items]
        best = best_first(exact, items, question.k, groups=of_items)
        if question.counts:
            matched = scored.matched.copy()
            matched[scored.items] = good
        else:
            matched = np.broadcast_to(np.True_, len(self.matrix.starts))
        return Ranking(items[best], rows[best], scores[best], exact[best], matched)

    def _estimated(self, items: Positions, matched: Mask) -> _Scored:
        return _Scored(items, estimate_items(self.matrix, self.query, items), matched)


def rank(
    matrix: Matrix,
    query: Vectors,
    k: int,
    *,
    threshold: float = -1.0,
    mask: Mask | None = None,
    groups: Positions | None = None,
) -> Ranking:
    """The `k` best items within the mask (items,) that reach the threshold, for a query (dim,).

    With `groups` (items,), which are numbers from 0, only the best item of each group counts. Order
    and scores are those of sums in double precision, so they do not depend on the order in which a
    BLAS library sums. Where the matrix is labelled, the order is the tuned one.
    """
    return Scan(matrix, query).rank(k, threshold=threshold, mask=mask, groups=groups)


def rank_many(
    matrix: Matrix, queries: Vectors, k: int, *, threshold: float = -1.0, mask: Mask | None = None
) -> list[Ranking]:
    """What `rank` returns for each of the queries (m, dim), which share passes over the rows."""
    size = max(1, min(MAX_QUERIES, MAX_SCORES // max(1, len(matrix.rows))))
    rankings = []
    for start in range(0, len(queries), size):
        some = queries[start : start + size]
        scans = [Scan(matrix, query) for query in some]
        if matrix.bounds is not None:  # one pass over the heads makes all probes
            for scan, probe in zip(scans, probes(matrix.bounds, some), strict=True):
                scan.probe = probe
        asked = [(scan, scan.question(k, threshold, mask)) for scan in scans]
        few = [scan.score_few(question) for scan, question in asked]
        if rest := [scan for scan, scored in zip(scans, few, strict=True) if not scored]:
            scores_of_rest = np.stack([scan.query for scan in rest]) @ matrix.rows.T  # in one pass
            for scan, scores in zip(rest, scores_of_rest, strict=True):
                scan.scores = scores
        for (scan, question), scored in zip(asked, few, strict=True):
            rankings.append(scan.settle(question, scored or scan.score_all()))
    return rankings


def _good(matrix: Matrix, question: Question, scored: _Scored) -> Mask:
    """True for the scored items that reach the threshold."""
    error = rounding_error(len(question.query))
    good: Mask = scored.scores >= question.threshold + error
    border = np.flatnonzero(~good & (scored.scores >= question.threshold - error))
    exact, _ = score_items(matrix, question.query, scored.items[border])
    good[border] = exact >= question.threshold
    return good
