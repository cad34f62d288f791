from dataclasses import replace

import numpy as np
import pytest

from search.datasets.examples import Examples
from search.ranking import Tuning
from search.tuning.learning import (
    NotEnoughToLearn,
    learn,
    learnable,
    logits,
    moments,
    scaled,
    shrunk,
    temperature,
)
from tests.search.tuning.clouds import DIM, catalog, changed
from tests.search.vectors import units

NONE = np.empty((0, DIM), np.float32)


def share_right(tuning: Tuning, fresh: Examples) -> np.ndarray:
    """Of each category, the share of pictures that are told to be of it."""
    told = tuning.categories[logits(tuning, fresh.rows).argmax(axis=1)]
    return np.array([(told == fresh.labels)[fresh.labels == n].mean() for n in tuning.categories])


def test_tells_categories_of_pictures_it_has_not_seen() -> None:
    tuning = learn(catalog([60, 60, 60], apart=1.5), NONE)
    assert tuning.categories.tolist() == [1, 2, 3]
    assert (tuning.weights.shape, tuning.strength) == ((DIM, 3), 1.0)
    assert share_right(tuning, catalog([200] * 3, apart=1.5, seed=1)).min() > 0.8


def test_learns_a_category_of_one_in_a_hundred() -> None:
    tuning = learn(catalog([1000, 10], apart=1.5), NONE)
    assert share_right(tuning, catalog([100, 100], apart=1.5, seed=1)).min() > 0.7


def test_learns_many_small_categories() -> None:
    tuning = learn(catalog([5] * 60, apart=2.0), NONE)
    assert share_right(tuning, catalog([20] * 60, apart=2.0, seed=1)).mean() > 0.5


def test_leaves_categories_with_too_few_products_aside() -> None:
    examples = catalog([40, 40, 4], apart=1.0, photos=3)
    assert learn(examples, NONE).categories.tolist() == [1, 2]


@pytest.mark.parametrize("counts", [[100], [100, 4], [20, 19], [4] * 30, []])
def test_says_what_is_lacking(counts: list[int]) -> None:
    with pytest.raises(
        NotEnoughToLearn, match=r"not enough to learn from\. Tuning needs 2 categories"
    ):
        learnable(catalog(counts, apart=1.0))


def test_does_not_heed_what_changes_between_photos_of_a_product() -> None:
    examples = catalog([60, 60], apart=1.0)
    said = learn(examples, NONE).weights
    most = np.abs(said[:, 1] - said[:, 0]).argmax()
    shifts = np.zeros((100, DIM), np.float32)
    shifts[:, most] = np.resize([0.5, -0.5], 100)
    after = learn(examples, shifts).weights
    assert abs(after[most, 1] - after[most, 0]) < 0.3 * abs(said[most, 1] - said[most, 0])


def test_same_picture_everywhere_is_no_trouble() -> None:
    examples = catalog([30, 30], apart=1.0)
    same = replace(examples, rows=np.repeat(examples.rows[:1], 60, axis=0))
    assert np.isfinite(learn(same, NONE).weights).all()


def test_covariance_is_shrunk_towards_that_of_noise() -> None:
    deviations = units(np.random.default_rng(0).normal(size=(30, 12)) * np.arange(1, 13))
    even = np.eye(12) * np.trace(moments(deviations)) / 12
    expected = 0.3 * moments(deviations) + 0.7 * even
    assert np.allclose(shrunk(moments(deviations)), expected, atol=1e-5)


def test_copies_are_no_part_of_what_is_told_apart() -> None:
    examples = catalog([60, 60], apart=1.0)
    tuning = learn(examples, changed(examples).shifts)
    assert share_right(tuning, catalog([200] * 2, apart=1.0, seed=1)).min() > 0.8


@pytest.mark.parametrize("too_sure", [0.5, 1.0, 5.0])
def test_finds_how_much_too_sure_logits_are(too_sure: float) -> None:
    random = np.random.default_rng(0)
    honest = random.normal(size=(4000, 3)) * 2
    shares = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    labels = np.array([random.choice(3, p=share) for share in shares])
    assert temperature(too_sure * honest, labels) == pytest.approx(too_sure, rel=0.15)


def test_logits_that_tell_nothing_are_made_even() -> None:
    random = np.random.default_rng(0)
    noise, labels = 10 * random.normal(size=(1000, 4)), random.integers(4, size=1000)
    assert temperature(noise, labels) == 64


def test_scaled_tuning_has_its_logits_divided() -> None:
    random = np.random.default_rng(0)
    weights, biases = random.normal(size=(8, 2)), random.normal(size=2)
    tuning = Tuning(np.array([3, 7]), weights.astype("f4"), biases.astype("f4"), 1.0)
    vectors = random.normal(size=(5, 8)).astype("f4")
    cooler = scaled(tuning, 4.0, strength=0.3)
    assert np.allclose(logits(cooler, vectors), logits(tuning, vectors) / 4, atol=1e-6)
    assert cooler.strength == 0.3
