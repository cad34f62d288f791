import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.ranking import exact_scores, rank


def oracle(
    rows: np.ndarray, query: np.ndarray, k: int, threshold: float, mask: np.ndarray
) -> list[int]:
    """The plainest ranking there is: all scores in double precision, one sort."""
    doubles = query.astype(np.float64)
    scores = [min(1.0, float((row.astype(np.float64) * doubles).sum())) for row in rows]
    matched = [i for i in range(len(rows)) if mask[i] and scores[i] >= threshold]
    return sorted(matched, key=lambda i: (-scores[i], i))[:k]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, float, np.ndarray]:
    """Random rows, many of them the same or nearly the same, with a query among or beside them."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, dim = draw(st.integers(1, 60)), draw(st.sampled_from([2, 8, 64]))
    different = draw(st.integers(1, count))
    rows = unit(random.normal(size=(different, dim)))[random.integers(0, different, count)]
    if draw(st.booleans()):
        rows = unit(rows + random.normal(scale=1e-7, size=rows.shape))
    query = rows[0] if draw(st.booleans()) else unit(random.normal(size=(1, dim)))[0]
    threshold = draw(st.sampled_from([-1.0, 0.0, 0.7, 0.999999, 1.0]))
    mask = random.random(count) < draw(st.sampled_from([0.0, 0.1, 1.0]))
    return rows, query, draw(st.sampled_from([1, 2, 5, 100])), threshold, mask


@given(cases())
@settings(max_examples=300, deadline=None)
def test_ranks_as_the_oracle_does(
    case: tuple[np.ndarray, np.ndarray, int, float, np.ndarray],
) -> None:
    rows, query, k, threshold, mask = case
    ranking = rank(rows, query, k, threshold=threshold, mask=mask)
    assert ranking.positions.tolist() == oracle(rows, query, k, threshold, mask)
    assert np.array_equal(ranking.scores, exact_scores(rows, query, ranking.positions))
    matching = oracle(rows, query, len(rows), threshold, np.ones(len(rows), bool))
    assert np.flatnonzero(ranking.matched).tolist() == sorted(matching)


def test_gives_a_copy_the_score_one() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(5, 1280)))
    ranking = rank(rows, rows[3], 1)
    assert ranking.positions.tolist() == [3]
    assert ranking.scores[0] == pytest.approx(1, abs=1e-6)


def test_orders_equal_rows_by_position() -> None:
    rows = np.repeat(unit(np.ones((1, 8))), 6, axis=0)
    assert rank(rows, rows[0], 4).positions.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("k", [0, 1, 10**9])
def test_takes_any_k(k: int) -> None:
    rows = unit(np.random.default_rng(0).normal(size=(7, 8)))
    assert len(rank(rows, rows[0], k).positions) == min(k, 7)


def test_finds_nothing_in_an_empty_matrix() -> None:
    ranking = rank(np.empty((0, 8), np.float32), np.ones(8, np.float32), 5)
    assert len(ranking.positions) == len(ranking.matched) == 0
