from typing import Any

import pytest
from django.core.files.base import ContentFile

from catalog.embedding.progress import STATES, state_of
from catalog.embedding.rows import ALWAYS_DUE, embedded_models
from catalog.models import (
    EmbeddingStatus,
    Invisible,
    Product,
    ProductPhoto,
    count_invisible,
    findable,
    invisible,
)
from tests.conftest import MakeProduct, Picture

FAILED = {"embedding_status": EmbeddingStatus.FAILED, "embedding_error": "It is torn."}
PENDING = {"embedding_status": EmbeddingStatus.PENDING}


@pytest.fixture
def ready(make_product: MakeProduct, picture: Picture) -> Product:
    """A product that search finds."""
    return make_product(image=picture(1))


def changed(product: Product, **columns: Any) -> Product:
    Product.objects.filter(pk=product.pk).update(**columns)
    return Product.objects.get(pk=product.pk)


def test_ready_picture_is_ready(ready: Product) -> None:
    assert state_of(ready, ready.embedder).name == "ready"


@pytest.mark.parametrize(
    ("columns", "name", "reason"),
    [
        ({"image": ""}, "missing", "no picture"),
        ({"image": "", "image_url": "images/a.jpg"}, "missing", "no picture"),
        (PENDING | {"image": "", "image_url": "https://a.example/"}, "pending", "fetched"),
        (PENDING, "pending", "waits to be read"),
        (PENDING | {"embedding_error": "A worker is at it."}, "pending", "A worker is at it."),
        (FAILED | {"embedding_due_at": ALWAYS_DUE}, "failed", "torn. It will be tried again."),
        (FAILED | {"embedding_due_at": None}, "failed", "It is torn."),
        ({"embedder": "old-1"}, "outdated", "old-1"),
    ],
)
def test_state_says_why(ready: Product, columns: dict[str, Any], name: str, reason: str) -> None:
    state = state_of(changed(ready, **columns), ready.embedder)
    assert state.name == name
    assert reason in state.reason
    if name in STATES:
        assert Product.objects.filter(STATES[name]).count() == 1


def test_each_row_is_in_one_state(make_product: MakeProduct, picture: Picture) -> None:
    for seed in range(4):
        make_product(image=picture(seed))
    for columns in (PENDING, FAILED, PENDING | {"image": ""}):
        changed(Product.objects.filter(STATES["ready"])[0], **columns)
    for model in embedded_models():
        counts = [model.objects.filter(condition).count() for condition in STATES.values()]
        assert sum(counts) == model.objects.count()
        assert max(counts) <= 1


def test_photo_with_a_vector_makes_its_product_findable(
    ready: Product, picture: Picture, django_capture_on_commit_callbacks: Any
) -> None:
    changed(ready, **FAILED)
    assert count_invisible().failed == 1
    with django_capture_on_commit_callbacks(execute=True):
        ProductPhoto.objects.create(product=ready, image=ContentFile(picture(2), "side.jpg"))
    assert Product.objects.filter(findable()).get() == ready
    assert not Product.objects.filter(invisible()).exists()


def test_counts_products_that_search_cannot_find_in_one_query(
    make_product: MakeProduct, picture: Picture, django_assert_num_queries: Any
) -> None:
    make_product("Found", image=picture(1))
    make_product("Bare")
    make_product("Bare and hidden", active=False)
    make_product("Broken", image=b"no picture")
    waits = make_product("Waits")
    Product.objects.filter(pk=waits.pk).update(image_url="https://a.example/mug.jpg")
    with django_assert_num_queries(1):
        assert count_invisible() == Invisible(missing=1, failed=1, pending=1)
    assert count_invisible().total == 2
