from typing import Any

import numpy as np
import pytest

from search.orders.models import PublishedTuning
from search.orders.publishing import publish, published, revision, withdraw
from search.ranking import Tuning

ONE, OTHER = "efficientnet_lite0-66a3f6c5", "mobilenet_v2-970f321d"
pytestmark = pytest.mark.django_db


def tuning(seed: int = 0) -> Tuning:
    random = np.random.default_rng(seed)
    weights, biases = random.normal(size=(8, 3)), random.normal(size=3)
    return Tuning(np.array([2, 5, 9]), weights.astype("f4"), biases.astype("f4"), 0.3)


def test_what_is_published_is_in_use(django_assert_num_queries: Any) -> None:
    publish(ONE, tuning())
    found = published(ONE, 8)
    assert found is not None
    for name, value in vars(tuning()).items():
        assert np.array_equal(getattr(found, name), value), name
    with django_assert_num_queries(1):
        assert revision(ONE) > 0


def test_each_embedder_has_its_own() -> None:
    publish(ONE, tuning())
    assert (published(OTHER, 8), revision(OTHER)) == (None, 0)
    assert not withdraw(OTHER)
    assert published(ONE, 8)


def test_newest_takes_the_place_of_the_one_before() -> None:
    publish(ONE, tuning())
    first = revision(ONE)
    publish(ONE, tuning(1))
    found = published(ONE, 8)
    assert found is not None
    assert np.array_equal(found.weights, tuning(1).weights)
    assert revision(ONE) > first
    assert PublishedTuning.objects.count() == 1


def test_switching_off_and_on_is_another_revision() -> None:
    publish(ONE, tuning())
    before = revision(ONE)
    assert withdraw(ONE)
    assert (published(ONE, 8), revision(ONE)) == (None, 0)
    publish(ONE, tuning())
    assert revision(ONE) not in (0, before)


@pytest.mark.parametrize(
    "broken",
    [
        {"weights": b""},
        {"weights": bytes(95)},
        {"biases": bytes(8)},
        {"categories": []},
        {"categories": [5, 2, 9]},
        {"biases": np.array([0, np.nan, 0], "<f4").tobytes()},
        {"strength": float("1e999")},
    ],
)
def test_what_is_torn_is_logged_and_not_used(broken: dict[str, Any], caplog: Any) -> None:
    publish(ONE, tuning())
    PublishedTuning.objects.update(**broken)
    assert published(ONE, 8) is None
    assert "manage.py tune_search" in caplog.text


def test_tuning_for_longer_vectors_is_not_used(caplog: Any) -> None:
    publish(ONE, tuning())
    assert published(ONE, 16) is None
    assert "vectors of 16 numbers" in caplog.text
