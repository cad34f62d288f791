import numpy as np
import pytest

from search.tuning.choice import NotBetter, choose
from search.tuning.validation import UNTUNED, Measure

CHANGES = np.repeat("turned", 1000)


def measure(strength: float, precision: float, first: float) -> Measure:
    """One whose values scatter a little around a mean precision."""
    scatter = np.random.default_rng(int(100 * strength)).normal(0, 0.1, 400)
    precisions = precision + scatter - scatter.mean()
    firsts = (np.arange(1000) < 1000 * first).astype(float)
    return Measure(strength, precisions, precisions, firsts)


def test_takes_what_finds_most_of_the_same_kind_and_loses_hardly_a_product() -> None:
    plain, weak = measure(UNTUNED, 0.6, 0.98), measure(0.1, 0.7, 0.98)
    good, strong = measure(0.2, 0.8, 0.97), measure(0.4, 0.9, 0.969)
    assert choose([plain, weak, good, strong], CHANGES) is good


def test_refuses_what_fails_at_one_kind_of_photo() -> None:
    changes = CHANGES.copy()
    changes[960:990] = "cropped"
    plain, weak, strong = (
        measure(UNTUNED, 0.6, 0.99),
        measure(0.1, 0.7, 0.989),
        measure(0.2, 0.9, 0.982),
    )
    assert choose([plain, weak, strong], CHANGES) is strong
    assert choose([plain, weak, strong], changes) is weak


def test_refuses_what_finds_fewer_products() -> None:
    with pytest.raises(NotBetter, match=r"at least 0\.020 of changed photos would no longer find"):
        choose(
            [measure(UNTUNED, 0.6, 0.98), measure(0.1, 0.9, 0.96), measure(0.2, 0.9, 0.95)], CHANGES
        )


@pytest.mark.parametrize("precision", [0.5, 0.6, 0.605])
def test_refuses_what_may_be_chance(precision: float) -> None:
    with pytest.raises(NotBetter, match="which may be chance"):
        choose([measure(UNTUNED, 0.6, 0.98), measure(0.1, precision, 0.98)], CHANGES)
