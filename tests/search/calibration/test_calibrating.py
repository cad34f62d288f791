from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from search.bands import PLAIN, bands_of, read_bands
from search.bands.models import Calibration
from search.calibration.calibrating import calibrate, calibrate_if_due, pairs_of
from search.datasets.copies import Copies, joined
from search.datasets.examples import Examples
from search.engines import corpus_for
from tests.search.vectors import units


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
    assert pairs.saved_anew.tolist() == [0, 0]


def test_takes_any_two_products_where_there_is_one_category() -> None:
    pairs = pairs_of(examples([1, 2, 3], [7, 7, 7]), copies(["half"]))
    assert sorted(pairs.unrelated) == sorted(pairs.related)
    assert len(pairs.related) == 3


@pytest.fixture
def demo(db: None, embedder: Embedder) -> None:
    call_command("load_demo")


@pytest.mark.usefixtures("demo")
def test_building_calibrates_a_catalog_and_not_again_until_it_has_doubled(
    embedder: Embedder, capsys: Any
) -> None:
    found = Calibration.objects.get()
    assert (found.embedder, found.products) == (embedder.identity, 50)
    assert bands_of(embedder.identity) != PLAIN
    assert 0.3 <= found.similar < found.very_close < found.exact <= 0.99
    assert found.rates["unrelated"]["loosely related"] >= 0.98
    assert found.rates["saved_anew"]["exact"] >= 0.9
    assert calibrate_if_due(embedder) is None
    Calibration.objects.update(products=25)
    again = calibrate_if_due(embedder)
    assert again
    assert (again.pk, again.products, again.similar) == (found.pk, 50, found.similar)


@pytest.mark.usefixtures("demo")
def test_goes_by_plain_limits_where_there_is_too_little(embedder: Embedder) -> None:
    Calibration.objects.all().delete()
    corpus = corpus_for(embedder.identity, embedder.dim)
    assert calibrate(corpus, examples([1, 2], [7, 8]), joined([], 8)) is None
    Product.objects.filter(pk__gt=Product.objects.order_by("pk")[28].pk).delete()
    assert calibrate_if_due(embedder) is None
    few = corpus_for(embedder.identity, embedder.dim)
    assert calibrate(few, examples([1, 2], [7, 8]), copies(["half"])) is None
    read_bands.cache_clear()
    assert bands_of(embedder.identity) == PLAIN
