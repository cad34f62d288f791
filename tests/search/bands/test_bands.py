from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError

from search.bands import PLAIN, WORDS, Bands, bands_of, read_bands
from search.bands.models import Calibration

FOUND = {"exact": 0.95, "very_close": 0.8, "similar": 0.6, "products": 50}


@pytest.mark.parametrize(
    ("score", "word"),
    [
        *((1, "exact"), (0.98, "exact"), (0.979, "very close"), (0.85, "very close")),
        *((0.849, "similar"), (0.7, "similar"), (0.699, "loosely related")),
        *((0, "loosely related"), (-1, "loosely related")),
    ],
)
def test_says_a_score_in_words(score: float, word: str) -> None:
    assert PLAIN.word(score) == word


def test_names_and_explains_every_band_from_the_best_down() -> None:
    assert tuple(band.name for band in PLAIN.all) == WORDS
    assert all(band.meaning for band in PLAIN.all)
    limits = [band.least for band in PLAIN.all[:-1]]
    assert all(one > other for one, other in pairwise(limits) if one and other)
    assert PLAIN.all[-1].least is None


@pytest.mark.django_db
def test_knows_the_limits_that_were_found_for_an_embedder() -> None:
    Calibration.objects.create(embedder="some-1", **FOUND)
    assert bands_of("some-1") == Bands(0.95, 0.8, 0.6)
    assert bands_of("some-2") == PLAIN


@pytest.mark.django_db
def test_reads_the_limits_once_in_a_moment(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert read_bands("some-1", 7) == read_bands("some-1", 7) == PLAIN
    Calibration.objects.create(embedder="some-1", **FOUND)
    assert read_bands("some-1", 8).similar == 0.6


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"exact": 0.7}, {"similar": 0.9}, {"exact": 1.1}])
def test_refuses_limits_that_do_not_fall(wrong: dict[str, float]) -> None:
    with pytest.raises(IntegrityError, match="calibration_falls"):
        Calibration.objects.create(embedder="some-1", **(FOUND | wrong))
