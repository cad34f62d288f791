from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from catalog import tasks
from catalog.embedding.claims import PictureOutcome
from catalog.embedding.columns import IN_WORK_AFTER, STOPPED_WORKER
from catalog.embedding.downloads import fetch_pictures
from catalog.models import EmbeddingStatus, Product, ProductPhoto
from catalog.pictures.slots import DECODING, STAFF
from catalog.pictures.stored import NewPicture, sha256
from tests.catalog.local_servers import Serve, http
from tests.conftest import MakeProduct, Picture
from tests.crowds import crowd


@pytest.fixture
def waiting(make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Product]:
    """Makes a product whose picture waits for a task: its message was lost."""

    def make(address: str, **fields: Any) -> Product:
        with monkeypatch.context() as patch:
            patch.setattr(tasks.fetch, "delay", lambda *_: None)
            return make_product(image_url=address, **fields)

    return make


def later(product: Product) -> None:
    """The next attempt is due."""
    Product.objects.filter(pk=product.pk).update(embedding_due_at=timezone.now())


def fetch(product: Product) -> list[PictureOutcome]:
    return list(fetch_pictures(Product.objects.filter(pk=product.pk).fetch_due()))


def test_saving_an_address_makes_the_product_searchable(
    make_product: MakeProduct, picture: Picture, serve: Serve
) -> None:
    server = serve(http(picture(1)))
    product = make_product(image_url=server.url)
    assert product.embedding_status == EmbeddingStatus.READY
    assert product.embedding_digest == product.image.digest
    assert product.image.is_stored()
    assert make_product(image=picture(1)).image.name == product.image.name, "the same gate"


def test_further_photo_is_fetched_as_well(
    make_product: MakeProduct,
    picture: Picture,
    serve: Serve,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ProductPhoto.objects.create(product=make_product(), image_url=serve(http(picture(1))).url)
    assert ProductPhoto.objects.get().embedding_status == EmbeddingStatus.READY


def test_failed_address_says_why_and_is_ready_once_it_is_mended(
    make_product: MakeProduct, picture: Picture, serve: Serve
) -> None:
    server = serve(http(status="404 Not Found"))
    product = make_product(image_url=server.url)
    assert product.embedding_status == EmbeddingStatus.FAILED
    assert product.embedding_error == "The server answered 404 for this address."
    assert fetch(product) == [], "not before its next attempt is due"
    server.reply = http(picture(1))
    later(product)
    tasks.fetch_pending()
    product.refresh_from_db()
    assert product.embedding_status == EmbeddingStatus.READY
    assert product.embedding_error == ""


def test_tries_are_bounded_and_their_pauses_grow(make_product: MakeProduct, serve: Serve) -> None:
    server = serve(http(status="500 Oops"))
    product = make_product(image_url=server.url)
    pauses = []
    for _ in range(20):
        product.refresh_from_db()
        if product.embedding_due_at is None:
            break
        pauses.append(product.embedding_due_at - timezone.now())
        later(product)
        assert [outcome.status for outcome in fetch(product)] == ["failed"]
    assert server.connections == 8
    assert max(pauses[:2]) < timedelta(seconds=31)
    assert pauses[2:] == sorted(pauses[2:])
    assert "500" in product.embedding_error


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1/a.jpg", "can't be fetched"),
        ("http://169.254.169.254/latest", "can't be fetched"),
        ("https://user@shop.example/a.jpg", "can't be fetched"),
    ],
)
def test_refused_address_says_so(make_product: MakeProduct, address: str, reason: str) -> None:
    product = make_product(image_url=address)
    assert product.embedding_status == EmbeddingStatus.FAILED
    assert reason in product.embedding_error


def test_what_the_gate_refuses_is_not_stored(
    make_product: MakeProduct, serve: Serve, settings: Any
) -> None:
    product = make_product(image_url=serve(http(b"<html>Sorry</html>")).url)
    assert "not a picture" in product.embedding_error
    assert product.embedding_due_at is None, "it is not tried again by itself"
    assert not list(Path(settings.MEDIA_ROOT).rglob("*.*"))


def test_slow_server_holds_up_no_other(
    waiting: Any, picture: Picture, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = serve(lambda server, _: server.stopping.wait(60))
    quick = serve(http(picture(1)))
    products = [waiting(slow.url), *(waiting(quick.url) for _ in range(12))]
    outcomes = fetch_pictures(Product.objects.fetch_due())
    quick_ones = [next(outcomes) for _ in range(12)]
    assert {outcome.status for outcome in quick_ones} == {"fetched"}
    slow.stopping.set()
    assert [(outcome.id, outcome.status) for outcome in outcomes] == [(products[0].pk, "failed")]


def test_begins_no_other_after_its_time(waiting: Any, picture: Picture, serve: Serve) -> None:
    server = serve(http(picture(1)))
    for _ in range(10):
        waiting(server.url)
    assert list(fetch_pictures(Product.objects.fetch_due(), seconds=-1)) == []
    tasks.fetch_pending()
    assert Product.objects.filter(embedding_status=EmbeddingStatus.READY).count() == 10


def test_picture_of_an_address_replaced_meanwhile_is_void(
    waiting: Any, picture: Picture, serve: Serve, meanwhile: Any, settings: Any
) -> None:
    old, new = serve(http(picture(1))), serve(http(picture(2)))
    product = waiting(old.url)

    def replace() -> None:
        current = Product.objects.get()
        current.image_url = new.url
        current.save()

    meanwhile(replace)
    assert fetch(product) == [PictureOutcome(product.pk, "void")]
    assert not Product.objects.get().image
    meanwhile(lambda: None)
    tasks.fetch_pending()
    product.refresh_from_db()
    assert product.image_source_digest == sha256(picture(2))
    assert product.embedding_status == EmbeddingStatus.READY


def test_picture_uploaded_meanwhile_is_kept(
    waiting: Any, picture: Picture, serve: Serve, meanwhile: Any
) -> None:
    product = waiting(serve(http(picture(1))).url)

    def upload() -> None:
        current = Product.objects.get()
        current.image = NewPicture(picture(3))
        current.save()

    meanwhile(upload)
    assert fetch(product) == [PictureOutcome(product.pk, "void")]
    assert Product.objects.get().image_source_digest == sha256(picture(3))


def test_picture_of_a_product_deleted_meanwhile_leaves_no_file(
    waiting: Any,
    picture: Picture,
    serve: Serve,
    meanwhile: Any,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    product = waiting(serve(http(picture(1))).url)
    meanwhile(Product.objects.all().delete)
    with django_capture_on_commit_callbacks(execute=True):
        assert fetch(product) == [PictureOutcome(product.pk, "void")]
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_picture_is_fetched_by_one_worker_only(
    waiting: Any, picture: Picture, serve: Serve, meanwhile: Any
) -> None:
    product = waiting(serve(http(picture(1))).url)
    again: list[list[PictureOutcome]] = []
    meanwhile(lambda: again.append(fetch(product)))
    assert fetch(product) == [PictureOutcome(product.pk, "fetched")]
    assert again == [[]]


def test_picture_that_stops_its_worker_three_times_is_given_up(
    waiting: Any, picture: Picture, serve: Serve
) -> None:
    product = waiting(serve(http(picture(1))).url)
    Product.objects.update(embedding_attempts=3, embedding_error=IN_WORK_AFTER[-1])
    assert fetch(product) == []
    product.refresh_from_db()
    assert (product.embedding_status, product.embedding_error) == ("failed", STOPPED_WORKER)


def test_disk_that_is_full_is_tried_again(
    waiting: Any, picture: Picture, serve: Serve, meanwhile: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = waiting(serve(http(picture(1))).url)

    def fill_up(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fill_up)
    reason = "The picture can't be stored: No space left on device."
    assert fetch(product) == [PictureOutcome(product.pk, "failed", reason)]
    assert Product.objects.get().embedding_due_at


def test_another_address_takes_the_old_picture_away_at_once(
    make_product: MakeProduct,
    picture: Picture,
    serve: Serve,
    django_capture_on_commit_callbacks: Any,
) -> None:
    product = make_product(image_url=serve(http(picture(1))).url)
    product.image_url = serve(http(picture(2))).url
    with django_capture_on_commit_callbacks() as callbacks:
        product.save(update_fields=["image_url"])
    assert not Product.objects.get().image
    assert not Product.objects.searchable(product.embedder).exists()
    for callback in callbacks:
        callback()
    product.refresh_from_db()
    assert product.image_source_digest == sha256(picture(2))
    assert product.embedding_status == EmbeddingStatus.READY


def test_upload_together_with_an_address_is_kept(
    make_product: MakeProduct, picture: Picture, serve: Serve
) -> None:
    server = serve(http(picture(2)))
    product = make_product(image=picture(1))
    product.image, product.image_url = NewPicture(picture(3)), server.url
    product.save()
    assert Product.objects.get().image_source_digest == sha256(picture(3))
    assert server.connections == 0


def test_address_that_is_saved_again_keeps_its_picture(
    make_product: MakeProduct, picture: Picture, serve: Serve
) -> None:
    server = serve(http(picture(1)))
    product = make_product(image_url=server.url)
    product.save()
    assert Product.objects.get().embedding_status == EmbeddingStatus.READY
    assert server.connections == 1


def test_build_embeddings_fetches_first(waiting: Any, picture: Picture, serve: Serve) -> None:
    waiting(serve(http(picture(1))).url)
    waiting(serve(http(status="404 Not Found")).url)
    output = StringIO()
    call_command("build_embeddings", stdout=output)
    said = output.getvalue()
    assert "2 pictures to fetch\n1 fetched, 1 failed" in said
    assert "1 pictures to embed\n1 ready, 0 failed" in said


def test_picture_that_finds_no_slot_is_decoded_later(
    waiting: Callable[..., Product],
    picture: Picture,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DECODING, "patience", 0.1)
    product = waiting(serve(http(picture(1))).url)
    with crowd(DECODING, STAFF):
        (outcome,) = fetch(product)
    assert (outcome.status, "still being worked on" in outcome.reason) == ("failed", True)
    later(product)
    assert [outcome.status for outcome in fetch(product)] == ["fetched"]
