from time import sleep
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile

from catalog.embedders.runtime import Embedder
from catalog.models import Product, ProductPhoto
from catalog.tasks import embed_pending
from search.index import LiveIndex, snapshot_folder
from search.snapshots import Snapshot, load_snapshot, save_snapshot
from tests.conftest import MakeProduct, Picture


@pytest.fixture
def index(embedder: Embedder) -> LiveIndex:
    """An index as of a new process."""
    return LiveIndex(embedder.identity, embedder.dim)


@pytest.fixture
def products(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Five searchable products."""
    return [make_product(image=picture(seed), price=str(seed)) for seed in range(5)]


def expected_rows(identity: str) -> list[tuple[int, int, bytes]]:
    """(product id, photo id, vector) of all that search may show, read the plain way."""
    own = Product.objects.filter(active=True).exclude(image="").searchable(identity)
    more = ProductPhoto.objects.filter(product__active=True).exclude(image="").searchable(identity)
    rows = [(pk, -1, 0, bytes(data)) for pk, data in own.values_list("pk", "embedding")]
    columns = ("product_id", "position", "pk", "embedding")
    rows += [(*row, bytes(data)) for *row, data in more.values_list(*columns)]
    return [(product, photo, data) for product, _, photo, data in sorted(rows)]


def found_rows(snapshot: Snapshot) -> list[tuple[int, int, bytes]]:
    vectors = (row.tobytes() for row in snapshot.matrix.rows)
    return [(*key, data) for key, data in zip(snapshot.picture_keys(), vectors, strict=True)]


def consistent(snapshot: Snapshot) -> bool:
    """Whether it holds exactly what it should, each picture with its own vector and facts."""
    products = Product.objects.in_bulk(snapshot.products.tolist())
    facts = zip(
        snapshot.products.tolist(),
        snapshot.categories.tolist(),
        snapshot.prices.tolist(),
        strict=True,
    )
    return found_rows(snapshot) == expected_rows(snapshot.identity) and all(
        (products[pk].category_id, float(products[pk].price)) == (category, price)
        for pk, category, price in facts
    )


def test_holds_every_searchable_product(index: LiveIndex, products: list[Product]) -> None:
    snapshot = index.snapshot()
    assert len(snapshot.products) == 5
    assert consistent(snapshot)


def test_stays_the_same_object_while_nothing_changes(
    index: LiveIndex, products: list[Product], django_assert_num_queries: Any
) -> None:
    before = index.snapshot()
    with django_assert_num_queries(2):
        assert index.snapshot() is before


def test_follows_every_kind_of_change(
    index: LiveIndex,
    products: list[Product],
    make_product: MakeProduct,
    picture: Picture,
) -> None:
    a, b, c, d, _ = products
    seen = {index.snapshot().generation}

    def assert_follows(count: int) -> None:
        snapshot = index.snapshot()
        assert len(snapshot.products) == count
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
    embed_pending()
    assert_follows(4)
    Product.objects.update(active=False)
    assert_follows(0)


def test_reads_only_the_vectors_that_changed(
    index: LiveIndex, products: list[Product], django_assert_num_queries: Any
) -> None:
    index.snapshot()
    products[2].save()
    with django_assert_num_queries(5) as queries:
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
    assert products[1].pk not in snapshot.products
    assert f"Product {products[1].pk} is left out" in caplog.text
    products[0].save()
    index.snapshot()
    assert caplog.text.count("is left out") == 1, "it is not read again and again"


def test_leaves_out_vectors_of_another_network(index: LiveIndex, products: list[Product]) -> None:
    Product.objects.filter(pk=products[1].pk).update(embedder="mobilenet_v2-00000000")
    assert products[1].pk not in index.snapshot().products


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
    assert len(index.snapshot().products) == 4


def add_photo(product: Product, data: bytes, position: int = 0) -> ProductPhoto:
    photo = ProductPhoto(product=product, position=position)
    photo.image.save("photo.jpg", ContentFile(data), save=False)
    photo.save()
    return photo


def test_holds_the_further_photos_of_a_product_next_to_its_own(
    index: LiveIndex,
    products: list[Product],
    picture: Picture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        second = add_photo(products[1], picture(21), position=2)
        first = add_photo(products[1], picture(22), position=1)
    snapshot = index.snapshot()
    assert consistent(snapshot)
    assert [photo for product, photo in snapshot.picture_keys() if product == products[1].pk] == [
        *(0, first.pk, second.pk)
    ]
    assert len(snapshot.products) == 5
    first.delete()
    assert consistent(index.snapshot())
    products[1].active = False
    products[1].save()
    assert consistent(index.snapshot())
    assert len(index.snapshot().products) == 4


def test_product_without_a_picture_of_its_own_is_found_by_its_photo(
    index: LiveIndex,
    make_product: MakeProduct,
    picture: Picture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    product = make_product()
    with django_capture_on_commit_callbacks(execute=True):
        add_photo(product, picture(23))
    assert index.snapshot().products.tolist() == [product.pk]
    product.price = 5
    product.save()
    assert index.snapshot().prices.tolist() == [5.0]


def test_kept_files_stand_in_for_vectors_that_gave_way_to_the_next_network(
    index: LiveIndex, products: list[Product], picture: Picture
) -> None:
    before = index.snapshot()
    save_snapshot(before, snapshot_folder(before.identity))
    Product.objects.update(embedder="mobilenet_v2-00000000")
    products[0].delete()
    products[1].image = ContentFile(picture(30), "new.jpg")
    products[1].save()
    after = index.snapshot()
    assert after.products.tolist() == [product.pk for product in products[2:]]
    assert np.array_equal(after.matrix.rows, before.matrix.rows[2:])
    assert found_rows(LiveIndex(before.identity, 1280).snapshot()) == found_rows(after)


def test_torn_files_are_as_good_as_none(index: LiveIndex, products: list[Product]) -> None:
    folder = snapshot_folder(products[0].embedder)
    save_snapshot(index.snapshot(), folder)
    assert found_rows(load_snapshot(folder)) == found_rows(index.snapshot())
    with (folder / "rows.npy").open("r+b") as file:
        file.truncate(1000)
    assert consistent(index.snapshot())
