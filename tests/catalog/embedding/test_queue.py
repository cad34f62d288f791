from datetime import timedelta

from django.core.files.base import ContentFile
from django.utils import timezone

from catalog.embedding.progress import measure_queue
from catalog.embedding.rows import CLOCK_SKEW
from catalog.models import Product, ProductPhoto
from tests.conftest import MakeProduct, Picture

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
    assert queue.waiting == 2
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
