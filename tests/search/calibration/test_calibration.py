from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from search.bands import PLAIN, WORDS, Bands, bands_of
from search.bands.models import Calibration
from search.calibration.limits import Pairs, calibrate_if_due, limits, pairs_of, shares
from search.datasets.copies import Copies
from search.datasets.examples import Examples
from tests.search.vectors import units


def spread(low: float, high: float, count: int = 10_001) -> np.ndarray:
    return np.linspace(low, high, count)


PAIRS = Pairs(
    saved_again=spread(0.9, 1),
    copies=spread(0.6, 0.96),
    related=spread(0, 0.8),
    unrelated=spread(-0.4, 0.6),
)


def test_limits_follow_unrelated_pairs_changed_copies_and_copies_saved_again() -> None:
    # 0.69: three of four copies; 0.7992: one in a thousand related pairs
    assert limits(PAIRS) == Bands(exact=0.91, very_close=0.8, similar=0.59)
    assert limits(replace(PAIRS, related=spread(0, 0.6))).very_close == 0.69


def test_takes_unrelated_pairs_if_there_are_few_related_ones() -> None:
    few = replace(PAIRS, related=np.array([0.95, 0.99]))
    assert limits(few).very_close == 0.69


@pytest.mark.parametrize("everything", [-1.0, 0.0, 0.5, 0.89, 0.97, 1.0])
def test_limits_fall_and_keep_within_what_the_words_can_mean(everything: float) -> None:
    alike = np.full(2000, everything)
    bands = limits(Pairs(alike, alike, alike, alike))
    assert 0.99 >= bands.exact > bands.very_close > bands.similar >= 0.3


def test_tells_how_many_pairs_are_in_each_band() -> None:
    bands = limits(PAIRS)
    assert tuple(shares(bands, PAIRS.copies)) == WORDS
    assert shares(bands, PAIRS.unrelated) == pytest.approx(
        {"exact": 0, "very close": 0, "similar": 0.01, "loosely related": 0.99}, abs=1e-3
    )
    assert shares(bands, PAIRS.saved_again)["exact"] == pytest.approx(0.9, abs=1e-3)
    assert sum(shares(bands, PAIRS.copies).values()) == pytest.approx(1)
    assert shares(Bands(1.0, 0.9, 0.5), np.array([1.0, 0.5])) == {
        "exact": 0.5,
        "very close": 0,
        "similar": 0.5,
        "loosely related": 0,
    }


def examples(products: list[int], labels: list[int]) -> Examples:
    rows = units(np.random.default_rng(0).normal(size=(len(products), 8)))
    return Examples(rows, np.array(labels), np.array(products))


def copies(changes: list[str]) -> Copies:
    vectors = np.eye(len(changes), 8, dtype=np.float32)
    return Copies(vectors, vectors[::-1].copy(), np.arange(len(changes)), np.array(changes))


def test_takes_pairs_of_different_products_by_their_categories() -> None:
    some = examples([1, 1, 2, 3], [7, 7, 7, 8])
    pairs = pairs_of(some, copies(["half", "cropped", "jpeg"]))
    scores = some.rows @ some.rows.T
    assert sorted(pairs.related) == pytest.approx(sorted([scores[0, 2], scores[1, 2]]))
    assert sorted(pairs.unrelated) == pytest.approx(sorted(scores[3, :3]))
    assert pairs.copies.tolist() == [0, 1, 0]
    assert pairs.saved_again.tolist() == [0, 0]


def test_takes_any_two_products_if_there_is_one_category() -> None:
    pairs = pairs_of(examples([1, 2, 3], [7, 7, 7]), copies(["half"]))
    assert sorted(pairs.unrelated) == sorted(pairs.related)
    assert len(pairs.related) == 3


@pytest.mark.usefixtures("demo")
def test_building_calibrates_a_catalog_and_not_again_until_it_has_doubled(
    embedder: Embedder,
) -> None:
    found = Calibration.objects.get()
    assert (found.embedder, found.products) == (embedder.identity, 50)
    assert bands_of(embedder.identity) != PLAIN
    assert 0.3 <= found.similar < found.very_close < found.exact <= 0.99
    assert calibrate_if_due(embedder) is None
    Calibration.objects.update(products=25)
    again = calibrate_if_due(embedder)
    assert again
    assert (again.pk, again.products, again.similar) == (found.pk, 50, found.similar)


@pytest.mark.usefixtures("demo")
def test_keeps_plain_limits_without_readable_photos(embedder: Embedder, settings: Any) -> None:
    Calibration.objects.all().delete()
    for product in Product.objects.all():
        Path(settings.MEDIA_ROOT, str(product.image)).unlink()
    assert calibrate_if_due(embedder) is None


@pytest.mark.usefixtures("demo")
def test_keeps_plain_limits_for_few_products(embedder: Embedder) -> None:
    Calibration.objects.all().delete()
    Product.objects.filter(pk__gt=Product.objects.order_by("pk")[28].pk).delete()
    assert calibrate_if_due(embedder) is None
    assert not Calibration.objects.exists()
