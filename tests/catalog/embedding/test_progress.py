from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from catalog.embedding.progress import measure_progress
from catalog.models import EmbeddingStatus, Product, ProductPhoto
from catalog.templatetags.catalog_admin import duration
from tests.conftest import MakeProduct, Picture

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
