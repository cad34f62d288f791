from dataclasses import replace

import numpy as np
import pytest

from search.bands import WORDS, Bands
from search.calibration.limits import Pairs, limits, rates


def spread(low: float, high: float, count: int = 10_001) -> np.ndarray:
    return np.linspace(low, high, count)


PAIRS = Pairs(
    saved_anew=spread(0.9, 1),
    copies=spread(0.6, 0.96),
    related=spread(0, 0.8),
    unrelated=spread(-0.4, 0.6),
)


def test_lie_where_unrelated_pairs_changed_copies_and_copies_saved_anew_are() -> None:
    # 0.69: three of four copies; 0.7992: one in a thousand related pairs
    assert limits(PAIRS) == Bands(exact=0.91, very_close=0.8, similar=0.59)
    assert limits(replace(PAIRS, related=spread(0, 0.6))).very_close == 0.69


def test_take_unrelated_pairs_where_related_ones_are_few() -> None:
    few = replace(PAIRS, related=np.array([0.95, 0.99]))
    assert limits(few).very_close == 0.69


@pytest.mark.parametrize("everything", [-1.0, 0.0, 0.5, 0.89, 0.97, 1.0])
def test_fall_and_keep_within_what_the_words_can_mean(everything: float) -> None:
    alike = np.full(2000, everything)
    bands = limits(Pairs(alike, alike, alike, alike))
    assert 0.99 >= bands.exact > bands.very_close > bands.similar >= 0.3


def test_tell_for_every_kind_of_pair_how_many_are_in_each_band() -> None:
    found = rates(limits(PAIRS), replace(PAIRS, related=np.empty(0)))
    assert found.keys() == {"saved_anew", "copies", "unrelated"}
    assert all(tuple(shares) == WORDS for shares in found.values())
    assert found["unrelated"] == pytest.approx(
        {"exact": 0, "very close": 0, "similar": 0.01, "loosely related": 0.99}, abs=1e-3
    )
    assert found["saved_anew"]["exact"] == pytest.approx(0.9, abs=1e-3)
    assert sum(found["copies"].values()) == pytest.approx(1)
    assert rates(Bands(1.0, 0.9, 0.5), replace(PAIRS, copies=np.array([1.0, 0.5])))["copies"] == {
        "exact": 0.5,
        "very close": 0,
        "similar": 0.5,
        "loosely related": 0,
    }
