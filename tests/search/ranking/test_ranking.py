from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from catalog.embedders.runtime import Embedder
from search.ranking import Labelled, Matrix, Ranking, Tuning, basis_of, project, rank, rank_many
from tests.search.vectors import units

FIXTURES = Path(__file__).parents[3] / "fixtures"


@dataclass(frozen=True)
class Case:
    """Something to rank."""

    matrix: Matrix
    query: np.ndarray
    k: int
    threshold: float
    mask: np.ndarray
    groups: np.ndarray | None = None

    def key(self, item: int, score: float) -> float:
        """What orders the item, in double precision."""
        if self.matrix.labelled is None:
            return score
        tuned, label = self.matrix.labelled.tuning, self.matrix.labelled.labels[item]
        return float(np.exp(8 * (score - 0.6)) / 8 + tuned.bonuses(self.query)[label])

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
        return sorted(best, key=lambda found: (-self.key(found[0], found[2]), found[0]))

    def check(self, ranking: Ranking) -> None:
        """Compare with the oracle: order, rows, scores to the last bit, and what matched."""
        matching = [found for found in self.oracle() if found[2] >= self.threshold]
        expected = [found for found in matching if self.mask[found[0]]]
        if self.groups is not None:
            best: dict[int, tuple[int, int, float]] = {}
            for found in expected:
                best.setdefault(int(self.groups[found[0]]), found)
            expected = list(best.values())
        expected = expected[: self.k]
        arrays = ranking.items, ranking.rows, ranking.scores
        assert list(zip(*(array.tolist() for array in arrays), strict=True)) == expected
        assert np.flatnonzero(ranking.matched).tolist() == sorted(item for item, *_ in matching)

    def check_rank(self) -> None:
        self.check(
            rank(
                self.matrix,
                self.query,
                self.k,
                threshold=self.threshold,
                mask=self.mask,
                groups=self.groups,
            )
        )


def single(rows: np.ndarray) -> Matrix:
    return Matrix(rows, np.arange(len(rows)))


@cache
def directions(dim: int) -> np.ndarray:
    """What the rows of a clustered catalog are near."""
    return units(np.random.default_rng(dim).normal(size=(12, dim)))


def clustered(random: np.random.Generator, count: int, dim: int) -> np.ndarray:
    spread = random.choice([1e-7, 0.1, 0.5, 1.5]) / dim**0.5
    middles = directions(dim)[random.integers(0, 12, count)]
    return units(middles + random.normal(scale=spread, size=(count, dim)))


@cache
def foreign_basis(dim: int) -> np.ndarray:
    """A basis that was made from other rows than those ranked."""
    return basis_of([clustered(np.random.default_rng(7), 300, dim)])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Random rows, many of them the same or nearly the same, with a query among or beside them."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, dim = draw(st.integers(1, 200)), draw(st.sampled_from([2, 8, 64, 256, 512]))
    different = draw(st.integers(1, count))
    kind = draw(st.sampled_from([clustered, scattered]))
    rows = kind(random, different, dim)[random.integers(0, different, count)]
    if draw(st.booleans()):
        rows = units(rows + random.normal(scale=1e-7, size=rows.shape))
    query = rows[0] if draw(st.booleans()) else kind(random, 1, dim)[0]
    share = draw(st.sampled_from([0.0, 0.3, 1.0]))
    starts = np.flatnonzero(np.append(True, random.random(count - 1) < share))
    bounds = project(rows, foreign_basis(dim)) if draw(st.booleans()) else None
    mask = random.random(len(starts)) < draw(st.sampled_from([0.0, 0.02, 0.1, 0.5, 1.0]))
    k = draw(st.sampled_from([0, 1, 2, 5, 100, 10**9]))
    labelled = labels(random, len(starts), dim) if draw(st.booleans()) else None
    case = Case(Matrix(rows, starts, bounds, labelled), query, k, -1.0, mask)
    exact = st.sampled_from(case.row_scores())
    levels = st.sampled_from([-1.0, 0.0, 0.7, 0.999999, 1.0])
    return replace(case, threshold=draw(st.one_of(levels, exact)))


def labels(random: np.random.Generator, items: int, dim: int) -> Labelled:
    """Items of four categories, one of them unknown to a tuning that counts little or much."""
    weights, biases = random.normal(size=(dim, 3)), random.normal(size=3)
    strength = random.choice([1e-6, 0.01, 0.3, 3])
    tuning = Tuning(np.array([2, 3, 7]), weights.astype("f4"), biases.astype("f4"), strength)
    return Labelled(tuning, tuning.labels(random.choice([2, 3, 5, 7], items)))


def scattered(random: np.random.Generator, count: int, dim: int) -> np.ndarray:
    return units(random.normal(size=(count, dim)))


@given(cases(), st.sampled_from([0, 1, 2, 5, 50, 10**6]))
@settings(max_examples=600, deadline=None)
def test_ranks_items_and_groups_as_the_oracle_does(case: Case, groups: int) -> None:
    random = np.random.default_rng(groups)
    numbers = random.integers(0, groups, len(case.matrix.starts)) if groups else None
    replace(case, groups=numbers).check_rank()


@given(cases(), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_ranks_many_queries_as_each_alone(case: Case, others: int) -> None:
    random = np.random.default_rng(others)
    dim = len(case.query)
    queries = [case.query, *clustered(random, others, dim), *scattered(random, others, dim)]
    rankings = rank_many(
        case.matrix, np.stack(queries), case.k, threshold=case.threshold, mask=case.mask
    )
    for query, ranking in zip(queries, rankings, strict=True):
        replace(case, query=query).check(ranking)


@pytest.fixture(scope="module")
def pieces(embedder: Embedder) -> Callable[..., np.ndarray]:
    """Vectors of the demo's pictures, cut to a share of their sides in each of four corners."""

    def cut(share: float, *, every: int = 1) -> np.ndarray:
        squares = []
        for file in sorted((FIXTURES / "images").iterdir()):
            with Image.open(file) as picture:
                width, height = picture.size
                for left, top in ((0, 0), (1 - share, 0), (0, 1 - share), (1 - share, 1 - share)):
                    box = (left * width, top * height)
                    box += ((left + share) * width, (top + share) * height)
                    squares.append(embedder.pixels(picture.crop(tuple(map(int, box)))))
        return embedder.embed(np.stack(squares[::every]))

    return cut


def test_ranks_real_pictures_as_the_oracle_does(pieces: Callable[..., np.ndarray]) -> None:
    rows = np.concatenate([pieces(0.9), pieces(0.7)])
    random = np.random.default_rng(0)
    matrix = Matrix(rows, np.arange(0, len(rows), 2), project(rows, basis_of([rows])))
    queries = [*pieces(0.8, every=9), *scattered(random, 3, rows.shape[1])]
    for query in queries:
        for threshold in (-1.0, 0.3, 0.7, 0.9):
            mask = random.random(len(matrix.starts)) < random.choice([0.01, 0.3, 1])
            Case(matrix, query, 12, threshold, mask).check_rank()


def test_stays_right_while_the_catalog_changes() -> None:
    random, dim = np.random.default_rng(0), 256
    basis, rows = foreign_basis(dim), clustered(random, 150, dim)
    for _ in range(300):
        at = int(random.integers(len(rows)))
        match random.integers(3):
            case 0:
                rows = np.insert(rows, at, clustered(random, 1, dim), axis=0)
            case 1:
                rows = np.concatenate([rows[:at], clustered(random, 1, dim), rows[at + 1 :]])
            case _:
                rows = np.delete(rows, at, axis=0)
        starts = np.flatnonzero(np.append(True, random.random(len(rows) - 1) < 0.8))
        matrix = Matrix(rows, starts, project(rows, basis))
        Case(matrix, rows[at // 2], 5, 0.7, np.ones(len(starts), bool)).check_rank()


def of_two_categories(rows: np.ndarray, *, strength: float) -> Matrix:
    """The first row looks as if it were of the odd ones' category, and is not."""
    weights = np.stack([rows[0], -rows[0]], axis=1) * 50
    tuning = Tuning(np.array([4, 9]), weights, np.zeros(2, np.float32), strength)
    labels = tuning.labels(np.resize([9, 4], len(rows)))
    return replace(single(rows), labelled=Labelled(tuning, labels))


def test_puts_the_category_first_that_the_query_looks_like() -> None:
    rows = clustered(np.random.default_rng(0), 200, 64)
    ranking = rank(of_two_categories(rows, strength=10.0), rows[0], 200)
    assert (ranking.items[:100] % 2 == 1).all()
    assert (np.diff(ranking.scores[:100]) <= 0).all()
    assert ranking.scores == pytest.approx(rows[ranking.items] @ rows[0], abs=1e-6)


def test_tuning_counts_for_little_where_pictures_are_the_same() -> None:
    rows = clustered(np.random.default_rng(0), 200, 64)
    ranking = rank(of_two_categories(rows, strength=0.3), rows[0], 2)
    assert ranking.items[0] == 0


def test_gives_products_of_unknown_categories_an_even_share() -> None:
    tuning = Tuning(np.array([4, 9]), np.eye(2, dtype=np.float32), np.zeros(2, np.float32), 0.5)
    assert tuning.labels(np.array([9, 5, 4, 11])).tolist() == [1, 2, 0, 2]
    assert tuning.bonuses(np.array([1, 0], np.float32))[2] == pytest.approx(0.25)


def test_gives_a_copy_the_score_one() -> None:
    rows = units(np.random.default_rng(0).normal(size=(5, 1280)))
    ranking = rank(single(rows), rows[3], 1)
    assert ranking.items.tolist() == [3]
    assert ranking.scores[0] == pytest.approx(1, abs=1e-6)


def test_orders_equal_rows_by_position() -> None:
    rows = np.repeat(units(np.ones((1, 8))), 6, axis=0)
    assert rank(single(rows), rows[0], 4).items.tolist() == [0, 1, 2, 3]


def test_gives_an_item_once_with_its_best_row() -> None:
    rows = units(np.random.default_rng(0).normal(size=(6, 64)))
    ranking = rank(Matrix(rows, np.array([0, 2, 3])), rows[4], 10)
    assert sorted(ranking.items.tolist()) == [0, 1, 2]
    assert (ranking.items[0], ranking.rows[0]) == (2, 4)


@pytest.mark.parametrize("k", [0, 1, 10**9])
def test_takes_any_k(k: int) -> None:
    rows = units(np.random.default_rng(0).normal(size=(7, 8)))
    assert len(rank(single(rows), rows[0], k).items) == min(k, 7)


def test_finds_nothing_in_an_empty_matrix() -> None:
    ranking = rank(single(np.empty((0, 8), np.float32)), np.ones(8, np.float32), 5)
    assert len(ranking.items) == len(ranking.matched) == 0


def test_finds_nothing_without_a_query() -> None:
    rows = units(np.random.default_rng(0).normal(size=(7, 8)))
    assert rank_many(single(rows), rows[:0], 5) == []
