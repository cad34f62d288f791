from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from catalog.embedding.columns import ALWAYS_DUE, CLOCK_SKEW, embedded_models
from catalog.embedding.progress import STATES, measure_progress, measure_queue, state_of
from catalog.models import (
    EmbeddingStatus,
    Invisible,
    Product,
    ProductPhoto,
    count_invisible,
    findable,
    invisible,
)
from catalog.templatetags.catalog_admin import duration
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
    assert count_invisible().need_attention == 2


NONE = dict.fromkeys(("ready", "pending", "failed", "missing"), 0)


def test_counts_products_and_photos_by_state(make_product: MakeProduct, picture: Picture) -> None:
    mug = make_product(image=picture(1))
    make_product()
    make_product(image=b"no picture")
    ProductPhoto(product=mug, image=ContentFile(picture(2), "photo.jpg")).save()
    assert measure_queue().states == {"ready": 1, "missing": 1, "failed": 1, "pending": 1}


def test_tells_how_long_the_oldest_has_waited(make_product: MakeProduct, picture: Picture) -> None:
    for minutes, seed in ((3, 1), (5, 2)):
        product = make_product(image=picture(seed))
        Product.objects.filter(pk=product.pk).make_pending()
        since = timezone.now() - timedelta(minutes=minutes)
        Product.objects.filter(pk=product.pk).update(embedding_due_at=since)
    queue = measure_queue()
    assert queue.states["pending"] == 2
    assert timedelta(minutes=5) <= queue.oldest < timedelta(minutes=6)


def test_picture_is_due_from_the_moment_it_is_wanted(
    make_product: MakeProduct, picture: Picture
) -> None:
    make_product(image=picture(1))
    assert measure_queue().oldest == timedelta(0)
    Product.objects.make_pending()
    assert Product.objects.due().count() == 1
    assert CLOCK_SKEW <= measure_queue().oldest < CLOCK_SKEW + timedelta(seconds=60)


def test_nobody_waits_for_a_product_without_picture_or_for_a_later_attempt(
    make_product: MakeProduct, picture: Picture
) -> None:
    make_product()
    later = make_product(image=picture(1))
    Product.objects.filter(pk=later.pk).make_pending()
    due_at = timezone.now() + timedelta(minutes=1)
    Product.objects.filter(pk=later.pk).update(embedding_due_at=due_at)
    assert measure_queue().oldest == timedelta(0)


def test_empty_catalog_has_no_queue(db: None) -> None:
    queue = measure_queue()
    assert (queue.states, queue.oldest) == (NONE, timedelta(0))


PAGE = "/admin/catalog/product/progress/"


@pytest.fixture
def three(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Three products with vectors."""
    return [make_product(image=picture(seed)) for seed in range(3)]


def read_before(product: Product, **ago: float) -> None:
    embedded_at = timezone.now() - timedelta(**ago)
    Product.objects.filter(pk=product.pk).update(embedded_at=embedded_at)


def test_counts_what_is_done_and_left(three: list[Product], picture: Picture) -> None:
    Product.objects.filter(pk=three[0].pk).update(embedding_status=EmbeddingStatus.PENDING)
    Product.objects.filter(pk=three[1].pk).update(embedder="old-1")
    ProductPhoto.objects.create(product=three[2], image=ContentFile(picture(4), "side.jpg"))
    progress = measure_progress()
    assert (progress.done, progress.left) == (1, 3)
    assert ("pending", 1, 1) in progress.states
    assert progress.embedders == {progress.wanted: 1, "old-1": 1}


def test_rate_is_that_of_the_last_minute(three: list[Product]) -> None:
    read_before(three[0], hours=1)
    read_before(three[1], seconds=20)
    read_before(three[2], seconds=1)
    progress = measure_progress()
    assert progress.rate == pytest.approx(2 / 20, rel=0.1)
    assert progress.seconds_left == 0


def test_nothing_can_be_said_of_the_time_left_while_nothing_moves(three: list[Product]) -> None:
    for product in three:
        read_before(product, hours=1)
    assert measure_progress().seconds_left is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (2.0, "a few seconds"),
        (42.4, "42 seconds"),
        (170.0, "3 minutes"),
        (5000.0, "83 minutes"),
        (7300.0, "2 hours"),
    ],
)
def test_time_left_is_told_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_page_renews_itself_while_pictures_are_left(
    admin_client: Client, three: list[Product], django_assert_max_num_queries: Any
) -> None:
    assert 'http-equiv="refresh"' not in admin_client.get(PAGE).content.decode()
    Product.objects.filter(pk=three[0].pk).update(embedder="old-1")
    with django_assert_max_num_queries(10):
        page = admin_client.get(PAGE).content.decode()
    assert 'http-equiv="refresh"' in page
    assert "1 picture left" in page
    assert "2 of 3 pictures" in page
    assert "old-1" in page


def test_page_says_that_the_network_is_not_prepared(
    admin_client: Client, settings: Any, tmp_path: Any
) -> None:
    settings.MODEL_DIR = tmp_path
    assert "download_model" in admin_client.get(PAGE).content.decode()


def test_page_is_for_staff_who_may_see_products(client: Client, db: None) -> None:
    staff = User.objects.create_user("ada", is_staff=True)
    assert client.get(PAGE).status_code == 302
    client.force_login(staff)
    assert client.get(PAGE).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_product"))
    assert client.get(PAGE).status_code == 200
