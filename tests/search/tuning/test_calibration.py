import numpy as np
import pytest

from search.ranking import Tuning
from search.tuning.calibration import calibrated, logits, temperature


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


def test_tuning_is_divided_by_it() -> None:
    random = np.random.default_rng(0)
    weights, biases = random.normal(size=(8, 2)), random.normal(size=2)
    tuning = Tuning(np.array([3, 7]), weights.astype("f4"), biases.astype("f4"), 1.0)
    vectors = random.normal(size=(5, 8)).astype("f4")
    cooler = calibrated(tuning, 4.0, strength=0.3)
    assert np.allclose(logits(cooler, vectors), logits(tuning, vectors) / 4, atol=1e-6)
    assert cooler.strength == 0.3
