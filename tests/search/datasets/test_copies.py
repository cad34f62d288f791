from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command

from catalog.embedders.runtime import Embedder
from search.datasets import examples
from search.datasets.changes import CHANGES
from search.datasets.copies import changed_copies, joined
from search.datasets.examples import Examples, examples_of
from search.engines import corpus_for
from tests.conftest import MakeProduct, Picture


def read_examples(embedder: Embedder) -> Examples:
    return examples_of(corpus_for(embedder.identity, embedder.dim))


def test_examples_are_all_pictures_that_are_searched(
    make_product: MakeProduct, picture: Picture, embedder: Embedder
) -> None:
    first = make_product(image=picture(0))
    second = make_product(image=picture(1), category="Shoes")
    call_command("build_embeddings")
    third = make_product(image=picture(2))
    first.save()  # now in the overlay, like the third
    hidden = make_product(image=picture(3))
    hidden.active = False
    hidden.save()
    found = read_examples(embedder)
    assert found.products.tolist() == [first.pk, second.pk, third.pk]
    assert found.labels.tolist() == [p.category_id for p in (first, second, third)]
    seen = joined(changed_copies(found.some_products(9), embedder), embedder.dim)
    assert set(seen.products.tolist()) == {first.pk, second.pk, third.pk}
    likeness = seen.originals[:: len(CHANGES)] @ found.rows.T
    assert (
        found.products[likeness.argmax(axis=1)].tolist() == seen.products[:: len(CHANGES)].tolist()
    )
    assert 0 < np.linalg.norm(seen.shifts, axis=1).mean() < 1


def test_large_catalog_is_sampled_by_product(
    make_product: MakeProduct, picture: Picture, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = [make_product(image=picture(seed)) for seed in range(4)]
    monkeypatch.setattr(examples, "MAX_PICTURES", 2)
    some = read_examples(embedder).products.tolist()
    assert len(some) == 2
    assert some == sorted(set(some) & {product.pk for product in products})


def test_leaves_out_a_product_whose_picture_is_gone(
    make_product: MakeProduct, picture: Picture, embedder: Embedder
) -> None:
    products = [make_product(image=picture(seed)) for seed in range(2)]
    ids = [product.pk for product in products]
    Path(products[0].image.path).unlink()
    (copies,) = changed_copies(ids, embedder)
    assert set(copies.products.tolist()) == {products[1].pk}
    assert copies.changes.tolist() == list(CHANGES)
