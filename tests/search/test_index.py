from time import sleep
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from catalog.vectors import from_bytes
from search.index import LiveIndex, Snapshot
from tests.conftest import MakeProduct, Picture


@pytest.fixture
def index(embedder: Embedder) -> LiveIndex:
    """An index as of a new process."""
    return LiveIndex(embedder.identity, embedder.dim)


@pytest.fixture
def products(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Five searchable products."""
    return [make_product(image=picture(seed), price=str(seed)) for seed in range(5)]


def consistent(snapshot: Snapshot) -> bool:
    """Whether it holds exactly the searchable products, each with its own vector and facts."""
    found = Product.objects.filter(active=True).searchable(snapshot.identity).order_by("pk")
    rows = list(found.values_list("pk", "category_id", "price", "embedding"))
    vectors = [from_bytes(data, snapshot.rows.shape[1]) for *_, data in rows]
    return (
        snapshot.ids.tolist() == [row[0] for row in rows]
        and snapshot.categories.tolist() == [row[1] for row in rows]
        and snapshot.prices.tolist() == [float(row[2]) for row in rows]
        and all(np.array_equal(a, b) for a, b in zip(snapshot.rows, vectors, strict=True))
    )


def test_holds_every_searchable_product(index: LiveIndex, products: list[Product]) -> None:
    snapshot = index.snapshot()
    assert len(snapshot.ids) == 5
    assert consistent(snapshot)


def test_stays_the_same_object_while_nothing_changes(
    index: LiveIndex, products: list[Product], django_assert_num_queries: Any
) -> None:
    before = index.snapshot()
    with django_assert_num_queries(1):
        assert index.snapshot() is before


def test_follows_every_kind_of_change(
    index: LiveIndex,
    products: list[Product],
    make_product: MakeProduct,
    picture: Picture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    a, b, c, d, _ = products
    seen = {index.snapshot().generation}

    def assert_follows(count: int) -> None:
        snapshot = index.snapshot()
        assert len(snapshot.ids) == count
        assert consistent(snapshot)
        assert snapshot.generation not in seen
        seen.add(snapshot.generation)

    make_product(image=picture(9))
    assert_follows(6)
    a.delete()
    assert_follows(5)
    b.active = False
    b.save()
    assert_follows(4)
    c.price = 77
    c.save()
    assert_follows(4)
    d.image = ContentFile(picture(10), "new.jpg")
    d.save()
    assert_follows(3)  # the old picture is gone at once, the new one not there yet
    with django_capture_on_commit_callbacks(execute=True):
        d.save()
    assert_follows(4)
    Product.objects.update(active=False)
    assert_follows(0)


def test_reads_only_the_vectors_that_changed(
    index: LiveIndex, products: list[Product], django_assert_num_queries: Any
) -> None:
    index.snapshot()
    products[2].save()
    with django_assert_num_queries(3) as queries:
        index.snapshot()
    vectors = [q["sql"] for q in queries.captured_queries if '"embedding"' in q["sql"]]
    assert len(vectors) == 1
    assert f"IN ({products[2].pk})" in vectors[0]


@pytest.mark.parametrize(
    "damaged",
    [b"", b"short", np.full(1280, np.nan, "<f4").tobytes(), np.zeros(1280, "<f4").tobytes(),
     np.full(1280, np.inf, "<f4").tobytes(), np.ones(1280, "<f4").tobytes()],
    ids=["empty", "short", "nan", "zero", "infinite", "long"],
)  # fmt: skip
def test_leaves_out_a_damaged_vector_and_says_so(
    index: LiveIndex, products: list[Product], damaged: bytes, caplog: Any
) -> None:
    Product.objects.filter(pk=products[1].pk).update(embedding=damaged)
    snapshot = index.snapshot()
    assert products[1].pk not in snapshot.ids
    assert snapshot.rejected.keys() == {products[1].pk}
    assert f"Product {products[1].pk} is left out" in caplog.text
    assert index.snapshot() is snapshot, "it is not read again and again"


def test_leaves_out_vectors_of_another_network(index: LiveIndex, products: list[Product]) -> None:
    Product.objects.filter(pk=products[1].pk).update(embedder="mobilenet_v2-00000000")
    assert products[1].pk not in index.snapshot().ids


def test_two_processes_agree_on_the_generation(
    index: LiveIndex, products: list[Product], embedder: Embedder
) -> None:
    index.snapshot()
    products[0].delete()
    other = LiveIndex(embedder.identity, embedder.dim)
    assert index.snapshot().generation == other.snapshot().generation


def test_looks_at_the_database_no_more_often_than_told(
    index: LiveIndex, products: list[Product], settings: Any
) -> None:
    settings.INDEX_REFRESH_SECONDS = 0.2
    before = index.snapshot()
    products[0].delete()
    assert index.snapshot() is before
    sleep(0.25)
    assert len(index.snapshot().ids) == 4
