"""The ranking itself: score what may matter, then order it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search.ranking.bounds import Vectors
from search.ranking.matrix import Mask, Matrix, Positions, Question, Ranking
from search.ranking.order import order_of
from search.ranking.scoring import estimate_items, rounding_error, score_items
from search.ranking.shortlist import Probe, probes, shortlist

AT_ONCE = 2**24  # scores held for queries that share a pass: 64 MB
MOST_AT_ONCE = 64  # queries
FEW = 0.03  # share of the rows that is scored sooner than all rows are bounded


@dataclass(frozen=True)
class _Scored:
    """The items that may matter, and what is known of the others."""

    items: Positions  # rising
    scores: Vectors  # (len(items),), in single precision
    matched: Mask  # (items of the matrix,), of the others


class Scan:
    """A query's pass over a matrix: rows are read once, whatever is asked of it."""

    def __init__(self, matrix: Matrix, query: Vectors) -> None:
        self.matrix, self.query = matrix, query
        self._order = order_of(matrix.labelled, query)

    def rank(self, k: int, *, threshold: float = -1.0, mask: Mask | None = None) -> Ranking:
        """As `rank`."""
        question = self.question(k, threshold, mask)
        return self.settle(question, self.score_few(question) or self.score_all())

    def question(self, k: int, threshold: float, mask: Mask | None) -> Question:
        """What `rank` is asked, as one."""
        return Question(self.query, k, threshold, mask, self._order)

    @cached_property
    def probe(self) -> Probe | None:
        """The query as the bounds see it, None where there are none."""
        bounds = self.matrix.bounds
        return probes(bounds, self.query[np.newaxis])[0] if bounds else None

    @cached_property
    def scores(self) -> Vectors:
        """Of all rows."""
        return self.matrix.rows @ self.query

    def score_few(self, question: Question) -> _Scored | None:
        """The few items that can matter, None where they are too many."""
        selected, nothing = _selected(self.matrix, question), np.empty(0, bool)
        if selected is not None:
            return self._estimated(selected, nothing)
        if self.probe is None or "scores" in vars(self):
            return None
        found = shortlist(self.matrix, question, self.probe)
        return self._estimated(found.items, found.matched) if found else None

    def score_all(self) -> _Scored:
        """All items."""
        count = len(self.matrix.starts)
        scores = self.matrix.best_of(self.scores)
        return _Scored(np.arange(count), scores, np.zeros(count, bool))

    def settle(self, question: Question, scored: _Scored) -> Ranking:
        """Order what was scored, by sums in double precision where those in single are close."""
        good = _good(self.matrix, question, scored)
        eligible = np.flatnonzero(
            good if question.mask is None else good & question.mask[scored.items]
        )
        keys = question.order.keys(scored.scores[eligible], scored.items[eligible])
        margin = 2 * question.order.rounding_error(rounding_error(len(question.query)))
        items = scored.items[eligible[_best(keys, question.k, margin=margin)]]
        scores, rows = score_items(self.matrix, question.query, items)
        exact = question.order.exact_keys(scores, items)
        best = np.lexsort((items, -exact))[: question.k]
        matched = _matched(self.matrix, question, scored, good)
        return Ranking(items[best], rows[best], scores[best], exact[best], matched)

    def _estimated(self, items: Positions, matched: Mask) -> _Scored:
        return _Scored(items, estimate_items(self.matrix, self.query, items), matched)


def rank(
    matrix: Matrix, query: Vectors, k: int, *, threshold: float = -1.0, mask: Mask | None = None
) -> Ranking:
    """The `k` items within the mask most like the query (dim,), none that scores too little.

    Order and scores are those of sums in double precision, so that they do not hang on the way
    a BLAS library adds up. Where the matrix is labelled, the order is the tuned one.
    """
    return Scan(matrix, query).rank(k, threshold=threshold, mask=mask)


def rank_many(
    matrix: Matrix, queries: Vectors, k: int, *, threshold: float = -1.0, mask: Mask | None = None
) -> list[Ranking]:
    """What `rank` gives for each of the queries (m, dim), which share passes over the rows."""
    size = max(1, min(MOST_AT_ONCE, AT_ONCE // max(1, len(matrix.rows))))
    rankings = []
    for start in range(0, len(queries), size):
        scans = _scans(matrix, queries[start : start + size])
        asked = [(scan, scan.question(k, threshold, mask)) for scan in scans]
        few = [scan.score_few(question) for scan, question in asked]
        _scan_all(matrix, [scan for scan, scored in zip(scans, few, strict=True) if not scored])
        for (scan, question), scored in zip(asked, few, strict=True):
            rankings.append(scan.settle(question, scored or scan.score_all()))
    return rankings


def _scans(matrix: Matrix, queries: Vectors) -> list[Scan]:
    """One for each query, their probes from one pass."""
    scans = [Scan(matrix, query) for query in queries]
    if matrix.bounds is not None:
        for scan, probe in zip(scans, probes(matrix.bounds, queries), strict=True):
            scan.probe = probe
    return scans


def _scan_all(matrix: Matrix, scans: list[Scan]) -> None:
    """Score all rows for these, in one pass."""
    if scans:
        queries = np.stack([scan.query for scan in scans])
        for scan, scores in zip(scans, queries @ matrix.rows.T, strict=True):
            scan.scores = scores


def _selected(matrix: Matrix, question: Question) -> Positions | None:
    """The items within the mask, where those are few and nothing is to be counted."""
    if question.mask is None or question.counts:
        return None
    items = np.flatnonzero(question.mask)
    return items if len(matrix.rows_of(items)[0]) <= FEW * len(matrix.rows) else None


def _good(matrix: Matrix, question: Question, scored: _Scored) -> Mask:
    """Which of the scored items reach the threshold."""
    error = rounding_error(len(question.query))
    good: Mask = scored.scores >= question.threshold + error
    border = np.flatnonzero(~good & (scored.scores >= question.threshold - error))
    exact, _ = score_items(matrix, question.query, scored.items[border])
    good[border] = exact >= question.threshold
    return good


def _matched(matrix: Matrix, question: Question, scored: _Scored, good: Mask) -> Mask:
    if not question.counts:
        return np.broadcast_to(np.True_, len(matrix.starts))
    matched = scored.matched.copy()
    matched[scored.items] = good
    return matched


def _best(keys: Vectors, k: int, *, margin: float) -> Positions:
    """All that can be among the `k` best once rounding is taken into account."""
    if k >= len(keys):
        return np.arange(len(keys))
    kth = np.partition(keys, -k)[-k] if k else np.inf
    return np.flatnonzero(keys >= kth - margin)
