from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from catalog.embedders.runtime import Embedder
from catalog.models import Category, Product
from search.datasets import copies
from search.datasets.copies import changed_copies, joined
from search.datasets.examples import examples_of
from search.engines import corpus_for
from search.orders.models import PublishedTuning
from tests.conftest import MakeProduct, Picture


@pytest.fixture
def demo(db: None, embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo catalog with its vectors; a few of its photos are changed."""
    monkeypatch.setattr(copies, "PHOTOS", 6)
    call_command("load_demo")


@pytest.mark.usefixtures("demo")
def test_orders_results_by_what_the_catalog_teaches_until_switched_off(
    embedder: Embedder, capsys: Any
) -> None:
    call_command("tune_search")
    assert "in use from now on" in capsys.readouterr().out
    tuning = corpus_for(embedder.identity, embedder.dim).tuning
    assert tuning is not None
    assert len(tuning.categories) == 5
    measures = PublishedTuning.objects.get().measures
    assert measures["tuned"]["precision_10"] > measures["plain"]["precision_10"] + 0.05
    assert measures["tuned"]["first"] >= measures["plain"]["first"] - 0.01
    assert measures["strength"] == tuning.strength
    call_command("tune_search", "--off")
    assert corpus_for(embedder.identity, embedder.dim).tuning is None
    call_command("tune_search")
    assert corpus_for(embedder.identity, embedder.dim).tuning is not None


@pytest.mark.usefixtures("demo")
def test_trial_changes_nothing(embedder: Embedder, capsys: Any) -> None:
    call_command("tune_search", "--dry-run")
    assert "nothing was changed" in capsys.readouterr().out
    assert not PublishedTuning.objects.exists()


@pytest.mark.usefixtures("demo")
def test_categories_that_are_noise_change_nothing(embedder: Embedder) -> None:
    ids = np.random.default_rng(0).permutation(np.repeat(Category.objects.values_list("pk"), 10))
    for product, category in zip(Product.objects.all(), ids.tolist(), strict=True):
        Product.objects.filter(pk=product.pk).update(category=category)
    with pytest.raises(CommandError, match="The results stay as they are"):
        call_command("tune_search")
    assert not PublishedTuning.objects.exists()


def test_small_catalog_is_told_what_it_lacks(make_product: MakeProduct, picture: Picture) -> None:
    make_product(image=picture(0))
    with pytest.raises(CommandError, match="There is not enough to learn from"):
        call_command("tune_search")


def test_learns_from_all_pictures_that_are_searched(
    make_product: MakeProduct, picture: Picture, embedder: Embedder
) -> None:
    first = make_product(image=picture(0))
    call_command("build_embeddings")
    second = make_product(image=picture(1), category="Shoes")
    hidden = make_product(image=picture(2))
    hidden.active = False
    hidden.save()
    examples = examples_of(corpus_for(embedder.identity, embedder.dim))
    assert examples.products.tolist() == [first.pk, second.pk]
    assert examples.labels.tolist() == [first.category_id, second.category_id]
    seen = joined(list(changed_copies(examples, embedder)), embedder.dim)
    assert set(seen.products.tolist()) == {first.pk, second.pk}
    likeness = (seen.originals[:: len(seen.changes) // 2] @ examples.rows.T).round(1)
    assert likeness.argmax(axis=1).tolist() in ([0, 1], [1, 0])
    assert 0 < np.linalg.norm(seen.shifts, axis=1).mean() < 1


def test_photo_that_is_gone_is_left_out(
    make_product: MakeProduct, picture: Picture, embedder: Embedder
) -> None:
    products = [make_product(image=picture(seed)) for seed in range(2)]
    examples = examples_of(corpus_for(embedder.identity, embedder.dim))
    products[0].image.storage.delete(products[0].image.name)
    (seen,) = changed_copies(examples, embedder)
    assert set(seen.products.tolist()) == {products[1].pk}
