import numpy as np
import pytest

from search.ranking.measures import average_precision, figure, precision, reciprocal_rank

RANKING = np.array([True, False, True, False, False, True])
NOTHING = np.zeros(4, bool)


def test_precision_is_the_share_of_the_first() -> None:
    assert [precision(RANKING, k) for k in (1, 2, 3)] == [1, 0.5, pytest.approx(2 / 3)]


def test_average_precision_is_the_mean_over_the_relevant() -> None:
    assert average_precision(RANKING) == pytest.approx((1 + 2 / 3 + 3 / 6) / 3)
    assert average_precision(~RANKING) == pytest.approx((1 / 2 + 2 / 4 + 3 / 5) / 3)
    assert average_precision(NOTHING) == 0


def test_reciprocal_rank_is_that_of_the_first() -> None:
    assert [reciprocal_rank(of) for of in (RANKING, ~RANKING, NOTHING)] == [1, 0.5, 0]


def test_limits_are_those_of_the_normal_distribution_where_there_is_one() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.1, 400)
    found = figure(values)
    error = 1.96 * values.std() / np.sqrt(400)
    assert (found.mean, found.count) == (pytest.approx(values.mean()), 400)
    assert found.low == pytest.approx(found.mean - error, abs=error / 5)
    assert found.high == pytest.approx(found.mean + error, abs=error / 5)


def test_limits_are_the_same_for_the_same_seed() -> None:
    values = np.random.default_rng(0).random(30)
    assert figure(values, seed=2) == figure(values, seed=2) != figure(values, seed=3)


def test_figure_of_equal_values_is_sure() -> None:
    found = figure(np.ones(5))
    assert (found.low, found.mean, found.high) == (1, 1, 1)
