"""Pictures that change behind their addresses."""

import socket
import threading
from collections import Counter
from datetime import datetime, timedelta
from io import StringIO
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog import tasks
from catalog.embedding.columns import ALWAYS_DUE, IN_WORK, NEVER
from catalog.embedding.progress import state_of
from catalog.embedding.refetching import DIFFERS, STOPPED, due_now, refetch_pictures
from catalog.models import (
    Category,
    EmbeddingStatus,
    Product,
    ProductPhoto,
    fetch_products_again,
)
from catalog.pictures.stored import NewPicture, sha256
from tests.catalog.local_servers import LocalServer, Serve, http, sent_with, versioned
from tests.conftest import MakeProduct, Picture

RUN = timedelta(minutes=1)


@pytest.fixture
def fetched(make_product: MakeProduct, serve: Serve, picture: Picture) -> Any:
    """Makes a product whose picture came from a server; the address is asked again from now on."""

    def make(server: LocalServer | None = None) -> tuple[Product, LocalServer]:
        server = server or serve(versioned(picture(1), 'ETag: "1"'))
        product = make_product(image_url=server.url)
        assert product.embedding_status == EmbeddingStatus.READY
        assert product.refetch_at > timezone.now() + timedelta(days=29)
        due(product)
        return product, server

    return make


def due(product: Product) -> None:
    Product.objects.filter(pk=product.pk).update(refetch_at=timezone.now())
    product.refresh_from_db()


def ask() -> list[str]:
    """What becomes of each product that is due."""
    rows = Product.objects.refetch_due() | Product.objects.unscheduled()
    return [outcome.status for outcome in refetch_pictures(rows)]


def files(settings: Any) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_changed_picture_is_fetched_and_embedded_on_schedule(
    fetched: Any, picture: Picture, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    product, server = fetched()
    before = bytes(product.embedding)
    server.reply = versioned(picture(2), 'ETag: "2"')
    with django_capture_on_commit_callbacks(execute=True):
        tasks.refetch_pending()
    product.refresh_from_db()
    assert sent_with(server, "If-None-Match") == '"1"'
    assert product.image_source_digest == sha256(picture(2))
    assert product.image_validator == '"2"'
    assert product.embedding_status == EmbeddingStatus.READY
    assert bytes(product.embedding) != before
    assert product.embedding_digest == product.image.digest
    assert product.image.is_stored()
    assert len(files(settings)) == 2, "the old picture and its thumbnail are gone"


def test_further_photo_is_fetched_again_as_well(
    make_product: MakeProduct,
    picture: Picture,
    serve: Serve,
    django_capture_on_commit_callbacks: Any,
) -> None:
    server = serve(versioned(picture(1)))
    with django_capture_on_commit_callbacks(execute=True):
        ProductPhoto.objects.create(product=make_product(), image_url=server.url)
    ProductPhoto.objects.update(refetch_at=timezone.now())
    server.reply = versioned(picture(2))
    tasks.refetch_pending()
    photo = ProductPhoto.objects.get()
    assert photo.image_source_digest == sha256(picture(2))
    assert photo.embedding_status == EmbeddingStatus.READY


@pytest.mark.parametrize("etag", ["1", "2"])
def test_unchanged_picture_is_not_embedded_again(fetched: Any, picture: Picture, etag: str) -> None:
    product, server = fetched()
    server.reply = versioned(picture(1), f'ETag: "{etag}"')  # 304, or 200 with the same bytes
    assert ask() == ["unchanged"]
    later = Product.objects.get()
    assert later.revision == product.revision
    assert later.embedded_at == product.embedded_at
    assert later.image_validator == f'"{etag}"'
    assert later.refetch_at > timezone.now() + timedelta(days=29)
    assert ask() == [], "it is not due any more"


def test_picture_that_looks_the_same_is_not_embedded_again(fetched: Any, picture: Picture) -> None:
    product, server = fetched()
    server.reply = http(picture(1) + b"another trailer")
    assert ask() == ["unchanged"]
    later = Product.objects.get()
    assert later.embedded_at == product.embedded_at
    assert later.image_source_digest == sha256(picture(1) + b"another trailer")
    assert later.image_validator is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http(status="404 Not Found"), "The server answered 404 for this address."),
        (http(status="410 Gone"), "The server answered 410 for this address."),
        (http(status="503 Busy"), "The server answered 503 for this address."),
        (http(b"<html>Sorry</html>"), "not a picture"),
        (http(b""), "not a picture"),
        (http(b"abc", "Content-Length: 9"), "The server broke off"),
        (http(bytes(2**20), "Content-Length: 1048576"), "over 0.125 MB"),
        (b"", "can't be reached"),
    ],
)
def test_failure_keeps_the_picture_and_says_why(
    fetched: Any, settings: Any, answer: bytes, reason: str
) -> None:
    product, server = fetched()
    server.reply = answer
    settings.MAX_IMAGE_MB = 0.125
    assert ask() == ["failed"]
    later = Product.objects.get()
    assert later.image.name == product.image.name
    assert later.image.is_stored()
    assert later.embedding_status == EmbeddingStatus.READY
    assert later.revision == product.revision
    assert reason in later.refetch_error
    assert reason in state_of(later, later.embedder).reason
    assert later.image_validator == '"1"'
    assert timezone.now() < later.refetch_at < timezone.now() + timedelta(days=1)


def test_failure_is_forgotten_once_the_server_answers(fetched: Any) -> None:
    product, server = fetched()
    working, server.reply = server.reply, http(status="500 Oops")
    assert ask() == ["failed"]
    due(product)
    server.reply = working
    assert ask() == ["unchanged"]
    assert Product.objects.get().refetch_error is None


def test_lost_file_is_fetched_whatever_the_server_would_say(fetched: Any, settings: Any) -> None:
    _, server = fetched()
    for path in files(settings):
        path.unlink()
    assert ask() == ["unchanged"]
    assert not sent_with(server, "If-None-Match")
    assert Product.objects.get().image.is_stored()


def test_picture_given_by_hand_is_never_replaced_by_itself(
    fetched: Any, make_product: MakeProduct, picture: Picture, serve: Serve
) -> None:
    product, server = fetched()
    product.image = NewPicture(picture(3))
    product.save()
    make_product(image=picture(4), image_url=server.url)
    assert set(Product.objects.values_list("refetch_at", flat=True)) == {NEVER}
    asked = server.connections
    tasks.refetch_pending()
    call_command("refetch_pictures", all=True, stdout=StringIO())
    assert server.connections == asked


def test_picture_uploaded_meanwhile_is_kept(
    fetched: Any, picture: Picture, meanwhile: Any, settings: Any
) -> None:
    product, server = fetched()
    server.reply = versioned(picture(2))

    def upload() -> None:
        product.image = NewPicture(picture(3))
        product.save()

    meanwhile(upload)
    assert ask() == ["void"]
    later = Product.objects.get()
    assert later.image_source_digest == sha256(picture(3))
    assert later.refetch_at == NEVER


def test_same_picture_uploaded_meanwhile_is_kept(
    fetched: Any, picture: Picture, meanwhile: Any
) -> None:
    product, server = fetched()
    server.reply = versioned(picture(2))

    def upload() -> None:
        product.image = NewPicture(picture(1))
        product.save()

    meanwhile(upload)
    assert ask() == ["void"]
    assert Product.objects.get().image_source_digest == sha256(picture(1))


def test_address_changed_meanwhile_counts(
    fetched: Any,
    picture: Picture,
    meanwhile: Any,
    serve: Serve,
    django_capture_on_commit_callbacks: Any,
) -> None:
    product, server = fetched()
    server.reply = versioned(picture(2))
    other = serve(http(picture(3)))

    def move() -> None:
        product.image_url = other.url
        product.save()

    meanwhile(move)
    with django_capture_on_commit_callbacks(execute=True):
        assert ask() == ["void"]
    product.refresh_from_db()
    assert product.image_source_digest == sha256(picture(3))
    assert product.embedding_status == EmbeddingStatus.READY


def test_price_changed_meanwhile_stays(fetched: Any, picture: Picture, meanwhile: Any) -> None:
    product, server = fetched()
    server.reply = versioned(picture(2))

    def reprice() -> None:
        product.price = "5.00"
        product.save()

    meanwhile(reprice)
    assert ask() == ["fetched"]
    later = Product.objects.get()
    assert (float(later.price), later.image_source_digest) == (5, sha256(picture(2)))


def test_stale_instance_does_not_bring_the_old_picture_back(fetched: Any, picture: Picture) -> None:
    product, server = fetched()
    server.reply = versioned(picture(2))
    assert ask() == ["fetched"]
    product.name = "Renamed"
    product.save()
    later = Product.objects.get()
    assert (later.name, later.image_source_digest) == ("Renamed", sha256(picture(2)))
    assert later.refetch_at > timezone.now() + timedelta(days=29)


def test_product_deleted_meanwhile_leaves_no_file(
    fetched: Any,
    picture: Picture,
    meanwhile: Any,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    _, server = fetched()
    server.reply = versioned(picture(2))
    meanwhile(Product.objects.all().delete)
    with django_capture_on_commit_callbacks(execute=True):
        assert ask() == ["void"]
    assert files(settings) == []


def test_picture_that_others_share_stays_theirs(
    fetched: Any, picture: Picture, django_capture_on_commit_callbacks: Any
) -> None:
    (one, server), (other, _) = fetched(), fetched()
    server.reply = versioned(picture(2))
    assert one.image.name == other.image.name
    with django_capture_on_commit_callbacks(execute=True):
        assert sorted(ask()) == ["fetched", "unchanged"]
    one.refresh_from_db()
    other.refresh_from_db()
    assert one.image.name != other.image.name
    assert one.image.is_stored()
    assert other.image.is_stored()


def test_picture_is_fetched_by_one_worker_only(
    fetched: Any, picture: Picture, meanwhile: Any
) -> None:
    _, server = fetched()
    server.reply = versioned(picture(2))
    again: list[list[str]] = []
    meanwhile(lambda: again.append(ask()))
    assert ask() == ["fetched"]
    assert again == [[]]


def test_picture_that_stops_its_worker_waits_for_its_next_turn(
    fetched: Any, picture: Picture, meanwhile: Any
) -> None:
    product, server = fetched()
    server.reply = versioned(picture(2))

    def stop() -> None:
        raise SystemExit

    meanwhile(stop)
    for error, soonest in ((IN_WORK, timedelta()), (str(STOPPED), timedelta(days=29))):
        with pytest.raises(SystemExit):
            ask()
        later = Product.objects.get()
        assert later.image.name == product.image.name
        assert later.embedding_status == EmbeddingStatus.READY
        assert later.refetch_error == error
        assert later.refetch_at > timezone.now() + soonest
        due(product)
    meanwhile(lambda: None)
    assert ask() == ["fetched"]
    assert Product.objects.get().refetch_error is None


def test_request_outlives_a_worker_that_was_killed(fetched: Any, settings: Any) -> None:
    fetched()
    settings.REFETCH_DAYS = 0
    Product.objects.update(refetch_error=IN_WORK)
    assert ask() == ["unchanged"]


def test_picture_older_than_the_schedule_is_recognised(fetched: Any) -> None:
    fetched()
    Product.objects.update(refetch_at=None, image_validator=None)
    assert ask() == ["unchanged"]
    later = Product.objects.get()
    assert later.image_validator == '"1"'
    assert later.refetch_at > timezone.now() + timedelta(days=29)


def test_older_picture_that_may_be_an_upload_is_kept(fetched: Any, picture: Picture) -> None:
    product, server = fetched()
    Product.objects.update(refetch_at=None, image_validator=None)
    server.reply = http(status="404 Not Found")
    assert ask() == ["failed"]
    server.reply = versioned(picture(2))
    assert ask() == ["failed"]
    later = Product.objects.get()
    assert (later.image.name, later.refetch_error) == (product.image.name, str(DIFFERS))
    assert ask() == [], "it is not asked for any more"
    fetch_products_again([product.pk])
    assert ask() == ["fetched"]
    assert Product.objects.get().image_source_digest == sha256(picture(2))


def test_nothing_is_asked_by_itself_where_the_period_is_zero(fetched: Any, settings: Any) -> None:
    product, server = fetched()
    settings.REFETCH_DAYS = 0
    asked = server.connections
    for refetch_at in (product.refetch_at, None):
        Product.objects.update(refetch_at=refetch_at)
        tasks.refetch_pending()
        call_command("refetch_pictures", stdout=StringIO())
    assert server.connections == asked
    Product.objects.update(refetch_at=ALWAYS_DUE)
    tasks.refetch_pending()
    assert server.connections == asked + 1


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("is_old", [False, True])
def test_request_is_answered_where_the_period_is_zero(
    fetched: Any,
    settings: Any,
    conditional: bool,
    is_old: bool,
    django_capture_on_commit_callbacks: Any,
) -> None:
    product, server = fetched()
    settings.REFETCH_DAYS = 0
    if is_old:
        Product.objects.update(refetch_at=None)
    asked = server.connections
    with django_capture_on_commit_callbacks(execute=True):
        fetch_products_again([product.pk], conditional=conditional)
    assert server.connections == asked + 1


def crowd(number: int, refetch_at: datetime | None, url: str = "http://a.example/1.jpg") -> None:
    """Products with a picture from an address, without any file."""
    home = Category.objects.get_or_create(name="Home")[0]
    Product.objects.bulk_create(
        Product(
            sku=f"{url}-{refetch_at}-{place}",
            name="Mug",
            category=home,
            price=1,
            image="pictures/00/lost.jpg",
            image_url=url,
            refetch_at=refetch_at,
        )
        for place in range(number)
    )


@pytest.mark.django_db
def test_pictures_of_an_older_release_are_spread_over_the_period(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(90, None)  # whatever their ids, no run leaves any of them to the next period
    settings.REFETCH_DAYS = 1
    began = timezone.now()
    turns: Counter[int] = Counter()
    busiest = 0
    for number in range(24 * 4):
        clock = began + number * timedelta(minutes=15)
        monkeypatch.setattr(timezone, "now", lambda clock=clock: clock)
        rows = due_now(Product, timedelta(minutes=15))
        turns.update(row.pk for row in rows)
        busiest = max(busiest, len(rows))
    assert set(turns) == set(Product.objects.values_list("pk", flat=True))
    assert set(turns.values()) == {1}
    assert busiest <= ceil(max(turns) / (24 * 4))  # ids need not begin at 1


@pytest.mark.django_db
def test_run_takes_its_share_and_all_that_was_asked_for(settings: Any) -> None:
    settings.REFETCH_DAYS = 10
    now = timezone.now()
    crowd(40, now - timedelta(days=3))
    crowd(40, now - timedelta(days=5))
    crowd(20, ALWAYS_DUE)
    crowd(20, now + timedelta(days=3))
    rows = due_now(Product, timedelta(days=1))
    asked = [row.refetch_at == ALWAYS_DUE for row in rows]
    assert asked == [True] * 20 + [False] * 24, "twice the tenth part of 120"
    assert {row.refetch_at for row in rows[20:]} == {now - timedelta(days=5)}, "the oldest first"


@pytest.mark.django_db
def test_run_is_bounded_whatever_is_due() -> None:
    crowd(150, ALWAYS_DUE)
    crowd(1, timezone.now())
    with CaptureQueriesContext(connection) as queries:
        rows = due_now(Product, RUN)
    assert Counter(row.refetch_at == ALWAYS_DUE for row in rows) == {True: 100, False: 1}
    assert len(queries) == 5


@pytest.mark.django_db
def test_host_is_asked_for_two_pictures_at_a_time(serve: Serve, picture: Picture) -> None:
    present, most, lock = 0, 0, threading.Lock()

    def reply(server: LocalServer, connection: socket.socket) -> None:
        nonlocal present, most
        with lock:
            present += 1
            most = max(most, present)
        server.stopping.wait(0.05)
        with lock:
            present -= 1
        connection.sendall(http(status="404 Not Found"))

    slow = serve(reply)
    crowd(6, ALWAYS_DUE, slow.url)
    hanging = serve(lambda server, _: server.stopping.wait(60))
    crowd(3, ALWAYS_DUE, hanging.url)
    outcomes = refetch_pictures(Product.objects.refetch_due())
    done = [next(outcomes) for _ in range(6)]
    assert {outcome.reason for outcome in done} == {"The server answered 404 for this address."}
    assert most == 2
    hanging.stopping.set()
    assert [outcome.status for outcome in outcomes] == ["failed"] * 3


@pytest.mark.django_db
def test_asks_for_no_other_after_its_time(serve: Serve) -> None:
    server = serve(http(status="404 Not Found"))
    crowd(3, ALWAYS_DUE, server.url)
    assert list(refetch_pictures(Product.objects.refetch_due(), seconds=-1)) == []
    assert server.connections == 0
    assert Product.objects.filter(refetch_at=ALWAYS_DUE).count() == 3


def test_request_is_answered_without_asking_what_has_changed(
    fetched: Any, picture: Picture, django_capture_on_commit_callbacks: Any
) -> None:
    product, server = fetched()
    with django_capture_on_commit_callbacks(execute=True):
        assert fetch_products_again([product.pk]) == 1
    assert sent_with(server, "If-None-Match") == "", "the server might be wrong about it"
    assert Product.objects.get().image_validator == '"1"'


def test_request_replaces_an_upload_and_tries_again_what_failed(
    make_product: MakeProduct,
    picture: Picture,
    serve: Serve,
    django_capture_on_commit_callbacks: Any,
) -> None:
    server = serve(http(status="404 Not Found"))
    failed = make_product(image_url=server.url)
    uploaded = make_product(image=picture(3), image_url=server.url)
    make_product(image=picture(3))
    server.reply = http(picture(2))
    with django_capture_on_commit_callbacks(execute=True):
        assert fetch_products_again(Product.objects.values("pk")) == 2
    for product in (failed, uploaded):
        product.refresh_from_db()
        assert product.image_source_digest == sha256(picture(2))
        assert product.embedding_status == EmbeddingStatus.READY


@pytest.mark.django_db
def test_request_for_many_needs_few_queries(
    monkeypatch: pytest.MonkeyPatch, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    crowd(300, None)
    settings.CELERY_TASK_ALWAYS_EAGER = False
    sent: list[int] = []
    monkeypatch.setattr(tasks.refetch, "delay", lambda _, ids: sent.append(len(ids)))
    with django_capture_on_commit_callbacks(execute=True), CaptureQueriesContext(connection) as log:
        assert fetch_products_again(Product.objects.values("pk")) == 300
    assert sent == [100, 100, 100]
    assert len(log) <= 12
    assert Product.objects.filter(refetch_at=ALWAYS_DUE).count() == 300


def test_command_asks_what_is_due_or_all(fetched: Any, picture: Picture) -> None:
    _, server = fetched()
    product, gone = fetched()
    gone.reply = http(status="404 Not Found")

    def said(**options: Any) -> str:
        output = StringIO()
        call_command("refetch_pictures", stdout=output, **options)
        return output.getvalue()

    assert said() == "0 changed, 1 unchanged, 1 failed\n"
    assert said() == "0 changed, 0 unchanged, 0 failed\n"
    server.reply = versioned(picture(2))
    assert said(all=True) == "1 changed, 0 unchanged, 1 failed\n"
    assert Product.objects.exclude(pk=product.pk).get().embedding_status == EmbeddingStatus.READY
    assert "404" in Product.objects.get(pk=product.pk).refetch_error


@pytest.mark.django_db
def test_import_asks_again_on_request(
    tmp_path: Path,
    picture: Picture,
    serve: Serve,
    django_capture_on_commit_callbacks: Any,
) -> None:
    server = serve(versioned(picture(1), 'ETag: "1"'))
    file = tmp_path / "products.csv"
    header = "id,name,category,image_url,price\n"
    file.write_text(f"{header}1,Mug,Home,{server.url},9.90\n2,Cup,Home,{server.url},9.90\n")

    def run(**options: Any) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            call_command("import_products", file, stdout=StringIO(), **options)

    run()
    cup = Product.objects.get(sku="2")
    cup.image = NewPicture(picture(3))  # by hand
    cup.save()
    server.reply = versioned(picture(2), 'ETag: "2"')
    asked = server.connections
    run()
    assert server.connections == asked
    file.write_text(f"{header}1,Mug,Home,{server.url},8.90\n2,Cup,Home,{server.url},9.90\n")
    run(refetch=True)
    assert server.connections == asked + 1
    assert sent_with(server, "If-None-Match") == '"1"'
    mug = Product.objects.get(sku="1")
    assert mug.image_source_digest == sha256(picture(2))
    assert mug.embedding_status == EmbeddingStatus.READY
    cup.refresh_from_db()
    assert cup.image_source_digest == sha256(picture(3))
