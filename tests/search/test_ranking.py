from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.ranking import Matrix, rank


@dataclass(frozen=True)
class Case:
    """Something to rank."""

    matrix: Matrix
    query: np.ndarray
    k: int
    threshold: float
    mask: np.ndarray

    def row_scores(self) -> list[float]:
        """All scores in double precision, each row for itself."""
        doubles = self.query.astype(np.float64)
        return [
            min(1.0, float((row.astype(np.float64) * doubles).sum())) for row in self.matrix.rows
        ]

    def oracle(self) -> list[tuple[int, int, float]]:
        """The plainest ranking there is: (item, row, score), all of them, one sort."""
        scores = self.row_scores()
        bounds = [*self.matrix.starts.tolist(), len(scores)]
        best = []
        for item, (start, end) in enumerate(pairwise(bounds)):
            row = max(range(start, end), key=lambda i: (scores[i], -i))
            best.append((item, row, scores[row]))
        return sorted(best, key=lambda found: (-found[2], found[0]))


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def single(rows: np.ndarray) -> Matrix:
    return Matrix(rows, np.arange(len(rows)))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Random rows, many of them the same or nearly the same, with a query among or beside them."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, dim = draw(st.integers(1, 60)), draw(st.sampled_from([2, 8, 64]))
    different = draw(st.integers(1, count))
    rows = unit(random.normal(size=(different, dim)))[random.integers(0, different, count)]
    if draw(st.booleans()):
        rows = unit(rows + random.normal(scale=1e-7, size=rows.shape))
    query = rows[0] if draw(st.booleans()) else unit(random.normal(size=(1, dim)))[0]
    share = draw(st.sampled_from([0.0, 0.3, 1.0]))
    starts = np.flatnonzero(np.append(True, random.random(count - 1) < share))
    mask = random.random(len(starts)) < draw(st.sampled_from([0.0, 0.1, 1.0]))
    threshold = draw(st.sampled_from([-1.0, 0.0, 0.7, 0.999999, 1.0]))
    return Case(Matrix(rows, starts), query, draw(st.sampled_from([1, 2, 5, 100])), threshold, mask)


@given(cases())
@settings(max_examples=500, deadline=None)
def test_ranks_as_the_oracle_does(case: Case) -> None:
    ranking = rank(case.matrix, case.query, case.k, threshold=case.threshold, mask=case.mask)
    matching = [found for found in case.oracle() if found[2] >= case.threshold]
    expected = [found for found in matching if case.mask[found[0]]][: case.k]
    found = zip(ranking.items.tolist(), ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
    assert list(found) == expected
    assert np.flatnonzero(ranking.matched).tolist() == sorted(item for item, *_ in matching)


def test_gives_a_copy_the_score_one() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(5, 1280)))
    ranking = rank(single(rows), rows[3], 1)
    assert ranking.items.tolist() == [3]
    assert ranking.scores[0] == pytest.approx(1, abs=1e-6)


def test_orders_equal_rows_by_position() -> None:
    rows = np.repeat(unit(np.ones((1, 8))), 6, axis=0)
    assert rank(single(rows), rows[0], 4).items.tolist() == [0, 1, 2, 3]


def test_gives_an_item_once_with_its_best_row() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(6, 64)))
    ranking = rank(Matrix(rows, np.array([0, 2, 3])), rows[4], 10)
    assert sorted(ranking.items.tolist()) == [0, 1, 2]
    assert (ranking.items[0], ranking.rows[0]) == (2, 4)


@pytest.mark.parametrize("k", [0, 1, 10**9])
def test_takes_any_k(k: int) -> None:
    rows = unit(np.random.default_rng(0).normal(size=(7, 8)))
    assert len(rank(single(rows), rows[0], k).items) == min(k, 7)


def test_finds_nothing_in_an_empty_matrix() -> None:
    ranking = rank(single(np.empty((0, 8), np.float32)), np.ones(8, np.float32), 5)
    assert len(ranking.items) == len(ranking.matched) == 0
