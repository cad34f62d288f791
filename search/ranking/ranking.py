"""The ranking itself: score what may matter, then order it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from search.ranking.bounds import Vectors
from search.ranking.matrix import Mask, Matrix, Positions, Question, Ranking
from search.ranking.scoring import estimate_items, rounding_error, score_items
from search.ranking.shortlist import probes, shortlist

AT_ONCE = 2**24  # scores held for queries that share a pass: 64 MB
MOST_AT_ONCE = 64  # queries
FEW = 0.03  # share of the rows that is scored sooner than all rows are bounded


@dataclass(frozen=True)
class _Scored:
    """The items that may matter, and what is known of the others."""

    items: Positions  # rising
    scores: Vectors  # (len(items),), in single precision
    matched: Mask  # (items of the matrix,), of the others


def rank(
    matrix: Matrix, query: Vectors, k: int, *, threshold: float = -1.0, mask: Mask | None = None
) -> Ranking:
    """The `k` items within the mask most like the query (dim,), none below the threshold.

    Order and scores are those of sums in double precision, so that they do not hang on the way
    a BLAS library adds up.
    """
    return rank_many(matrix, query[np.newaxis], k, threshold=threshold, mask=mask)[0]


def rank_many(
    matrix: Matrix, queries: Vectors, k: int, *, threshold: float = -1.0, mask: Mask | None = None
) -> list[Ranking]:
    """What `rank` gives for each of the queries (m, dim), which share passes over the rows."""
    size = max(1, min(MOST_AT_ONCE, AT_ONCE // max(1, len(matrix.rows))))
    rankings = []
    for start in range(0, len(queries), size):
        questions = [Question(query, k, threshold, mask) for query in queries[start : start + size]]
        rankings += _answer(matrix, questions)
    return rankings


def _answer(matrix: Matrix, questions: list[Question]) -> list[Ranking]:
    """Score a few items where that will do; where not, all, for all those questions at once."""
    few = _score_few(matrix, questions)
    missing = [question for question, scored in zip(questions, few, strict=True) if scored is None]
    rest = _score_all(matrix, missing)
    return [
        _settle(matrix, question, next(rest) if scored is None else scored)
        for question, scored in zip(questions, few, strict=True)
    ]


def _score_few(matrix: Matrix, questions: list[Question]) -> list[_Scored | None]:
    selected = _selected(matrix, questions[0])
    if selected is not None:
        nothing = np.empty(0, bool)
        return [_estimated(matrix, question, selected, nothing) for question in questions]
    if matrix.bounds is None:
        return [None] * len(questions)
    queries = np.stack([question.query for question in questions])
    short = map(partial(shortlist, matrix), questions, probes(matrix.bounds, queries))
    return [
        _estimated(matrix, question, found.items, found.matched) if found else None
        for question, found in zip(questions, short, strict=True)
    ]


def _selected(matrix: Matrix, question: Question) -> Positions | None:
    """The items within the mask, where those are few and nothing is to be counted."""
    if question.mask is None or question.counts:
        return None
    items = np.flatnonzero(question.mask)
    return items if len(matrix.rows_of(items)[0]) <= FEW * len(matrix.rows) else None


def _estimated(matrix: Matrix, question: Question, items: Positions, matched: Mask) -> _Scored:
    return _Scored(items, estimate_items(matrix, question.query, items), matched)


def _score_all(matrix: Matrix, questions: list[Question]) -> Iterator[_Scored]:
    if not questions:
        return
    items, matched = np.arange(len(matrix.starts)), np.zeros(len(matrix.starts), bool)
    for scores in np.stack([question.query for question in questions]) @ matrix.rows.T:
        yield _Scored(items, matrix.best_of(scores), matched)


def _settle(matrix: Matrix, question: Question, scored: _Scored) -> Ranking:
    """Order what was scored, by sums in double precision where those in single are too close."""
    good = _good(matrix, question, scored)
    eligible = np.flatnonzero(good if question.mask is None else good & question.mask[scored.items])
    margin = 2 * rounding_error(len(question.query))
    items = scored.items[_best(scored.scores, eligible, question.k, margin=margin)]
    exact, rows = score_items(matrix, question.query, items)
    order = np.lexsort((items, -exact))[: question.k]
    return Ranking(
        items[order], rows[order], exact[order], _matched(matrix, question, scored, good)
    )


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


def _best(scores: Vectors, chosen: Positions, k: int, *, margin: float) -> Positions:
    """All of the chosen that can be among the `k` best once rounding is taken into account."""
    if k >= len(chosen):
        return chosen
    kth = np.partition(scores[chosen], -k)[-k] if k else np.inf
    return chosen[scores[chosen] >= kth - margin]
