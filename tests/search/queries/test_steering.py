import numpy as np
import pytest

from search.queries.steering import moved


def unit(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


QUERY, UP, DOWN = unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)


def test_moves_by_rocchios_weights() -> None:
    found = moved(QUERY, [UP, QUERY], [DOWN])
    expected = QUERY + 0.75 * (UP + QUERY) / 2 - 0.15 * DOWN
    assert found == pytest.approx(expected / np.linalg.norm(expected))
    assert found.dtype == np.float32
    assert np.linalg.norm(found) == pytest.approx(1)


def test_comes_nearer_to_more_and_farther_from_less() -> None:
    both = moved(QUERY, [unit(1, 1, 0)], [unit(1, 0, 1)])
    assert both @ unit(1, 1, 0) > QUERY @ unit(1, 1, 0)
    assert both @ unit(1, 0, 1) < QUERY @ unit(1, 0, 1)


def test_query_stays_where_nothing_is_said_or_all_speaks_against_it() -> None:
    assert moved(QUERY, [], []) == pytest.approx(QUERY)
    assert moved(QUERY, [unit(-4, 0, 0)] * 2, [unit(5, 0, 0)]) == pytest.approx(QUERY, abs=1e-6)
