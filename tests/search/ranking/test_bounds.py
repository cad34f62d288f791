from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.ranking import Matrix, basis_of, bounds_of, project, rank
from search.ranking.bounds import ARRAYS
from search.ranking.matrix import Question, order_of
from search.ranking.shortlist import probes, shortlist
from tests.search.vectors import units

DIM = 512


def catalog(count: int, *, seed: int = 0, dim: int = DIM) -> np.ndarray:
    """Unit rows near twelve directions."""
    random = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(size=(12, dim))[random.integers(0, 12, count)]
    return units(middles + random.normal(scale=0.4, size=(count, dim)))


def matrix_with_bounds(rows: np.ndarray) -> Matrix:
    return Matrix(rows, np.arange(len(rows)), project(rows, basis_of([rows])))


def question(query: np.ndarray, *, k: int = 12, threshold: float = -1.0) -> Question:
    return Question(query, k, threshold, None, order_of(None, query))


@given(st.integers(0, 2**32), st.sampled_from([2, 64, 192, 300, DIM]), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_holds_for_every_row(seed: int, dim: int, inner: int) -> None:
    """Rows that lie wholly in the basis, and copies of the query, leave rounding alone to cover."""
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.normal(size=(dim, min(dim, 384))))[0]
    inside = random.normal(size=(inner, basis.shape[1])) @ basis.T
    rows = units(np.concatenate([inside, random.normal(size=(20, dim))]))
    for query in rows[[0, -1]]:
        probe = probes(project(rows, basis), query[np.newaxis])[0]
        exact = (rows.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
        for limits in (probe.limits(), probe.narrower_limits(np.arange(len(rows)))):
            assert (limits.middles - limits.margins <= exact).all()
            assert (exact <= limits.middles + limits.margins).all()


def test_rules_most_rows_out() -> None:
    matrix = matrix_with_bounds(catalog(4000))
    query = catalog(1, seed=1)
    for threshold in (-1.0, 0.7):
        probe = probes(matrix.bounds, query)[0]
        found = shortlist(matrix, question(query[0], threshold=threshold), probe)
        assert found is not None
        assert len(found.items) < 400


def test_counts_without_scoring_what_matches_for_certain() -> None:
    matrix = matrix_with_bounds(catalog(4000))
    query = catalog(1, seed=1)
    found = shortlist(
        matrix, question(query[0], k=0, threshold=0.5), probes(matrix.bounds, query)[0]
    )
    assert found is not None
    full = rank(Matrix(matrix.rows, matrix.starts), query[0], 0, threshold=0.5)
    assert full.matched.sum() > 10 * len(found.items)
    assert rank(matrix, query[0], 0, threshold=0.5).matched.tolist() == full.matched.tolist()


def test_gives_up_on_a_query_unlike_any_row() -> None:
    matrix = matrix_with_bounds(catalog(4000))
    query = np.random.default_rng(5).normal(size=(1, DIM)).astype(np.float32)
    query /= np.linalg.norm(query)
    assert shortlist(matrix, question(query[0]), probes(matrix.bounds, query)[0]) is None


def test_reads_mapped_rows_chunk_by_chunk(tmp_path: Path) -> None:
    rows = catalog(9500, dim=64)
    np.save(tmp_path / "rows.npy", rows)
    bounds = bounds_of(np.load(tmp_path / "rows.npy", mmap_mode="r"))
    whole = project(rows, bounds.basis)
    for name in ARRAYS:
        assert getattr(bounds, name) == pytest.approx(getattr(whole, name), abs=1e-6)
        assert getattr(bounds, name).strides == getattr(whole, name).strides
