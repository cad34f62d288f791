"""Running feeds against a server that gives what servers give."""

import gzip
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django.utils.translation import override

from catalog.feeds.hiding import NotApproved, approve
from catalog.feeds.running import due_feeds, sync
from catalog.feeds.tasks import sync_due
from catalog.importers import importing
from catalog.models import Category, Feed, FeedRun, Product
from tests.catalog.feeds.shops import counts, many, new_feed, run, shown, text_of
from tests.catalog.local_servers import Serve, http, redirect, sent_with, versioned

State = FeedRun.State

pytestmark = pytest.mark.django_db


def test_imports_what_is_new_and_changed_and_hides_what_is_gone(serve: Serve) -> None:
    server = serve(http(text_of(*many(10))))
    feed = new_feed(server)
    first = run(feed)
    assert (first.state, counts(first)) == (State.FINISHED, {"created": 10})
    assert (first.rows, first.done) == (10, first.size)
    assert counts(run(feed)) == {"unchanged": 10}, "it has no validator, so it is read again"

    server.reply = http(text_of(*many(9), "new", price="7"))
    second = run(feed)
    assert counts(second) == {"created": 1, "updated": 9, "hidden": 1}
    gone = Product.objects.get(active=False)
    assert gone.sku == "m0009"
    assert gone.left_feed_at is not None
    assert gone.price == 5

    server.reply = http(text_of(*many(10), "new", price="7"))
    third = run(feed)
    assert counts(third) == {"updated": 1, "unchanged": 10}
    assert shown() == {*many(10), "new"}
    assert not Product.objects.exclude(left_feed_at=None).exists()


def test_keeps_what_is_worth_knowing_of_the_whole_file(serve: Serve) -> None:
    server = serve(http(b"Handle,Title,Variant Price\nmug,Mug,5\ncup,Cup,4\n"))
    (note,) = run(new_feed(server)).notes
    assert "2 products have no currency" in note[2]
    assert Product.objects.get(sku="mug").link == f"http://{server.host}/products/mug"


@pytest.mark.parametrize(
    "header", ['ETag: "a"', "Last-Modified: Mon, 02 Nov 2026 08:00:00 GMT"], ids=["etag", "date"]
)
def test_reads_nothing_again_that_has_not_changed(serve: Serve, header: str) -> None:
    now = "Date: Thu, 26 Nov 2026 12:00:00 GMT"
    server = serve(versioned(text_of("a", "b"), header, now))
    feed = new_feed(server)
    run(feed)
    Product.objects.filter(sku="a").update(price=1)
    again = run(feed)
    assert (again.state, counts(again), again.problem) == (State.UNCHANGED, {}, "")
    assert counts(run(feed, force=True)) == {"updated": 1, "unchanged": 1}
    Feed.objects.update(currency="EUR")
    assert counts(run(feed)) == {"updated": 2}, "it is read in another way now"


SALES = {
    "WooCommerce": "Type,SKU,Name,Regular price,Sale price,Date sale price ends\n"
    "simple,a,A,5,4,{}\n",
    "Magento": "sku,name,product_type,price,special_price,special_price_to_date\n"
    "a,A,simple,5,4,{}\n",
    "Google": "id,title,image_link,price,sale_price,sale_price_effective_date\n"
    "a,A,https://127.0.0.1/a.jpg,5,4,2026-01-01T00:00Z/{}T23:59Z\n",
}


@pytest.mark.parametrize("shop", SALES)
def test_reads_the_same_file_again_once_a_sale_in_it_has_ended(serve: Serve, shop: str) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    text = SALES[shop].format(f"{tomorrow:%Y-%m-%d}")
    feed = new_feed(serve(versioned(text.encode(), 'ETag: "a"')))
    first: Any = run(feed)
    assert Product.objects.get().sale_price == 4
    assert timezone.now() < first.sales_change_at < tomorrow + timedelta(days=1)
    assert run(feed).state == State.UNCHANGED
    feed.runs.update(sales_change_at=timezone.now())
    assert counts(run(feed)) == {"unchanged": 1}


def test_follows_redirects_and_unpacks(serve: Serve, settings: Any) -> None:
    target = serve(http(gzip.compress(text_of("a")), "Connection: close"))
    server = serve(redirect(target.url))
    feed = new_feed(server, user="shop", password="secret")
    assert counts(run(feed)) == {"created": 1}
    assert sent_with(server, "Authorization")
    assert not sent_with(target, "Authorization")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(b"oops", status="500 Oops"), "The server answered 500"),
        (http(b""), "is empty"),
        (http(text_of()), "no products"),
        (http(text_of(*many(20))[:300], "Content-Length: 900"), "The server broke off"),
        (http(gzip.compress(text_of(*many(20)))[:-9], "Connection: close"), "broke off"),
        (http(text_of(*many(3))), "17 of 20 products are not in the file."),
        (http(b"<html><body>Please log in</body></html>"), ""),
    ],
    ids=["500", "empty", "only a header", "half", "half packed", "half unnoticed", "a page"],
)
def test_hides_nothing_where_the_file_is_doubtful(serve: Serve, answer: bytes, said: str) -> None:
    server = serve(http(text_of(*many(20))))
    feed = new_feed(server)
    run(feed)
    server.reply = answer
    doubtful = run(feed)
    assert said in doubtful.problem
    assert "othing was hidden" in doubtful.problem
    assert doubtful.hidden == 0
    assert shown() == set(many(20))
    with pytest.raises(CommandError, match="1 feed has a problem"):
        call_command("sync_feeds", "main", stdout=StringIO(), stderr=StringIO())
    server.reply = http(text_of(*many(19)))
    assert counts(run(feed)) == {"unchanged": 19, "hidden": 1}


@pytest.mark.parametrize(("share", "stops"), [(20, False), (19, True), (0, True), (100, False)])
def test_safety_stop_has_the_share_of_its_feed(serve: Serve, share: int, stops: bool) -> None:
    server = serve(http(text_of(*many(20))))
    feed = new_feed(server, max_hidden=share)
    run(feed)
    # New products don't make a loss look smaller.
    server.reply = http(text_of(*many(16), *(f"new{number}" for number in range(40))))
    assert bool(run(feed).problem) == stops
    assert len(shown()) == (60 if stops else 56)


def test_staff_may_approve_what_the_safety_stop_kept(serve: Serve, admin_user: Any) -> None:
    server = serve(versioned(text_of(*many(20)), 'ETag: "a"'))
    feed = new_feed(server)
    run(feed)
    server.reply = versioned(text_of(*many(5)), 'ETag: "b"')
    old, kept = run(feed), run(feed)
    assert kept.state == State.FINISHED, "the same doubtful file is looked at again"
    with pytest.raises(NotApproved, match="imported again since"):
        approve(old, admin_user.pk)
    Product.objects.filter(sku="m0006").update(feed=None)  # somebody took it out of the feed
    assert approve(kept, admin_user.pk) == 14
    assert shown() == {*many(5), "m0006"}
    with pytest.raises(NotApproved, match="Nothing of this run"):
        approve(kept, admin_user.pk)
    kept.refresh_from_db()
    assert (kept.hidden, kept.problem, kept.approved_by) == (14, "", admin_user)
    assert run(feed).state == State.UNCHANGED


def test_two_feeds_hide_only_their_own(serve: Serve) -> None:
    shoes, bags = serve(http(text_of("s1", "s2"))), serve(http(text_of("b1", "b2")))
    first = new_feed(shoes, "shoes", max_hidden=100)
    second = new_feed(bags, "bags", max_hidden=100)
    Product.objects.create(sku="own", name="Own", category=Category.objects.create(), price=1)
    run(first), run(second)
    shoes.reply = http(text_of("s1", "b1", price="9"))
    mixed = run(first)
    assert counts(mixed) == {"updated": 1, "failed": 1, "hidden": 1}
    assert mixed.failures == [
        [3, "b1", "This product belongs to the feed bags. Remove it from one of them."]
    ]
    assert shown() == {"s1", "b1", "b2", "own"}
    assert Product.objects.get(sku="b1").price == 5
    # A product may move: once it has left one feed, the other takes it over.
    bags.reply = http(text_of("b2"))
    run(second)
    assert counts(run(first)) == {"updated": 1, "unchanged": 1}
    moved = Product.objects.get(sku="b1")
    assert (moved.feed, moved.active, moved.left_feed_at) == (first, True, None)
    assert counts(run(second)) == {"unchanged": 1}


def test_adopts_products_that_no_feed_has(serve: Serve) -> None:
    home = Category.objects.create(name="Home")
    for sku in ("a", "b", "c"):
        Product.objects.create(sku=sku, name=f"Mug {sku}", category=home, price=5)
    revisions = dict(Product.objects.values_list("sku", "revision"))
    server = serve(http(text_of("a", "b")))
    feed = new_feed(server, max_hidden=50)
    assert counts(run(feed)) == {"unchanged": 2}
    assert dict(Product.objects.values_list("sku", "revision")) == revisions
    server.reply = http(text_of("a"))
    assert counts(run(feed)) == {"unchanged": 1, "hidden": 1}
    assert shown() == {"a", "c"}, "what no feed ever had is nobody's to hide"


def test_staff_keep_the_last_word_on_what_is_shown(serve: Serve) -> None:
    server = serve(http(text_of(*many(4), active="yes")))
    feed = new_feed(server, max_hidden=100)
    run(feed)
    Product.objects.filter(sku="m0000").update(active=False)
    assert counts(run(feed)) == {"unchanged": 4}
    assert shown() == set(many(4)[1:])
    server.reply = http(text_of("m0001"))
    run(feed)
    Product.objects.filter(sku="m0002").update(active=True)
    assert counts(run(feed)) == {"unchanged": 1}
    assert shown() == {"m0001", "m0002"}, "staff have shown what the feed had hidden"
    server.reply = http(text_of(*many(4)))
    run(feed)
    assert shown() == set(many(4)[1:])
    assert set(Product.objects.values_list("left_feed_at", flat=True)) == {None}


def test_hides_what_the_file_says_is_not_sold_until_it_is(serve: Serve) -> None:
    server = serve(http(text_of("a", "draft", active="no")))
    feed = new_feed(server)
    assert counts(run(feed)) == {"created": 2}
    assert not shown()
    server.reply = http(text_of("a", "draft", active="yes"))
    assert counts(run(feed)) == {"updated": 2}
    assert shown() == {"a", "draft"}
    server.reply = http(text_of("a", "draft", active="no"))
    assert counts(run(feed)) == {"updated": 2}
    assert counts(run(feed)) == {"unchanged": 2}
    assert not shown()


def test_faulty_row_is_reported_and_hides_nothing(serve: Serve) -> None:
    server = serve(http(text_of("a", "b")))
    feed = new_feed(server, max_hidden=100)
    run(feed)
    server.reply = http(text_of("a") + b"\nb,Mug b,Home,,cheap")
    faulty = run(feed)
    assert counts(faulty) == {"unchanged": 1, "failed": 1}
    assert [failure[:2] for failure in faulty.failures] == [[3, "b"]]
    assert shown() == {"a", "b"}


@pytest.mark.parametrize(
    "end",
    [
        b'\nb,"Mug b,Home,,5\nc,Mug c,Home,,5\nd,Mug d,Home,,5',
        b"\nb,Mug",
        b'\nb,"Mug',
        "\nb,Mug b,Home".encode("utf-16-le"),
    ],
    ids=["open quote", "short row", "quote at the end", "utf-16"],
)
def test_hides_nothing_where_the_text_is_damaged(serve: Serve, end: bytes) -> None:
    server = serve(http(text_of("a", "b", "c", "d")))
    feed = new_feed(server, max_hidden=100)
    run(feed)
    start = text_of("a")
    text = start.decode().encode("utf-16") if b"\0" in end else start
    server.reply = http(text + end, "Connection: close")
    assert "The file ends within a row, or has lost lines" in run(feed).problem
    assert shown() == {"a", "b", "c", "d"}


def test_hides_what_a_file_without_a_last_line_break_lacks(serve: Serve) -> None:
    server = serve(http(text_of("a", "b", "c")))
    feed = new_feed(server, max_hidden=100)
    run(feed)
    server.reply = http(text_of("a", "b"))
    assert counts(run(feed)) == {"unchanged": 2, "hidden": 1}


def test_feed_that_is_deleted_meanwhile_ends_its_run(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = new_feed(serve(http(text_of("a"))))

    def delete(*arguments: Any, **options: Any) -> Any:
        Feed.objects.all().delete()
        return read_table(*arguments, **options)

    read_table = importing.read_table
    monkeypatch.setattr("catalog.feeds.running.read_table", delete)
    sync(feed)
    assert not Product.objects.exists()


def test_gives_up_on_a_file_that_stops_its_worker(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = new_feed(serve(http(text_of("a"))))

    def crash(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("catalog.feeds.running.read_table", crash)
    for _ in range(3):
        with pytest.raises(MemoryError):
            sync(feed)
        assert due_feeds() == [feed], "the next task tries again at once"
    assert "stopped the worker three times" in run(feed).problem
    assert not due_feeds()


def test_reports_are_in_the_language_of_the_shop(serve: Serve) -> None:
    server = serve(http(text_of("Mug" * 700)))
    with override("de"):  # of somebody who asks for the run
        (row,) = run(new_feed(server)).failures
    assert "the maximum is 2,000 characters" in row[2]


def test_reports_rows_that_are_no_text(serve: Serve) -> None:
    rows = b"\na\0b,Mug,Home,,5\nc\xff\xed\xa0\x80,Mu\0g,Home,,5\nd,Mug,Home,,\xff\0"
    feed = new_feed(serve(http(text_of("\N{SNOWMAN}") + rows)))
    strange = run(feed)
    assert counts(strange)["failed"] >= 2
    assert strange.state == State.FINISHED


def test_run_that_is_asked_for_during_another_comes_after_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK_ROWS", 10)
    feed = new_feed(serve(http(text_of(*many(20)))))
    run(feed, seconds=0)
    Feed.objects.update(next_run_at=timezone.now())
    run(feed)
    assert due_feeds() == [feed]
    run(feed)
    assert not due_feeds()


def test_goes_on_where_it_stopped(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(importing, "CHUNK_ROWS", 10)
    server = serve(http(text_of(*many(30), "left")))
    feed = new_feed(server)
    run(feed)
    server.reply = http(text_of(*many(25), "dear,", *(f"new{number}" for number in range(8))))
    stopped = run(feed, seconds=0)
    states = [(stopped.state, stopped.rows, counts(stopped))]
    server.reply = http(b"", status="500 Oops")  # the file is not fetched again
    while stopped.ended_at is None:
        stopped = run(feed, seconds=0)
        states.append((stopped.state, stopped.rows, counts(stopped)))
    assert states[0] == (State.IMPORTING, 10, {"unchanged": 10})
    assert states[1] == (State.IMPORTING, 20, {"unchanged": 20})
    assert states[-1][0] == State.FINISHED
    assert counts(stopped) == {"created": 8, "unchanged": 25, "failed": 1, "hidden": 6}
    assert len(stopped.failures) == 1
    assert FeedRun.objects.count() == 2
    assert not list(Path(settings.FEEDS_DIR).iterdir())


def test_run_whose_file_is_gone_is_begun_anew(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(importing, "CHUNK_ROWS", 10)
    feed = new_feed(serve(http(text_of(*many(20)))))
    run(feed, seconds=0)
    for file in Path(settings.FEEDS_DIR).iterdir():
        file.unlink()
    assert counts(run(feed)) == {"created": 10, "unchanged": 10}
    first, second = FeedRun.objects.order_by("pk")
    assert (first.state, counts(first)) == (State.FAILED, {"created": 10})
    assert second.state == State.FINISHED


def test_one_process_at_a_time_works_on_a_feed(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK_ROWS", 10)
    feed = new_feed(serve(http(text_of(*many(30)))))
    stopped = run(feed, seconds=0)
    soon = timezone.now() + timedelta(minutes=1)
    FeedRun.objects.update(lease_until=soon, worker="another")
    assert sync(feed) is None
    sync_due()
    out = StringIO()
    call_command("sync_feeds", "main", stdout=out)
    assert "another process" in out.getvalue()
    stopped.refresh_from_db()
    assert stopped.rows == 10
    FeedRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))  # it was killed
    assert counts(run(feed)) == {"created": 30}


def test_process_that_lost_its_run_writes_nothing_more(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that stood still for longer than its lease; here, another one takes the run over."""
    monkeypatch.setattr(importing, "CHUNK_ROWS", 10)
    feed = new_feed(serve(http(text_of(*many(20)))))
    stopped = run(feed, seconds=0)

    def steal(*_args: Any, **_options: Any) -> Any:
        FeedRun.objects.update(worker="another")
        return read_table(*_args, **_options)

    read_table = importing.read_table
    monkeypatch.setattr("catalog.feeds.running.read_table", steal)
    sync(feed)
    stopped.refresh_from_db()
    assert (stopped.rows, stopped.ended_at) == (10, None)
    assert Product.objects.count() == 10


def test_runs_what_is_due(serve: Serve) -> None:
    server = serve(http(text_of("a")))
    later = timezone.now() + timedelta(hours=1)
    due = new_feed(server, "due", interval=60)
    new_feed(server, "later", next_run_at=later)
    new_feed(server, "never", next_run_at=None)
    assert due_feeds() == [due]
    sync_due()
    assert [each.feed for each in FeedRun.objects.all()] == [due]
    due.refresh_from_db()
    assert due.next_run_at is not None
    assert timedelta(minutes=58) < due.next_run_at - timezone.now() <= timedelta(hours=1)
    out = StringIO()
    call_command("sync_feeds", stdout=out)
    assert "No feed is due" in out.getvalue()
    Feed.objects.filter(name="later").update(enabled=False)
    call_command("sync_feeds", "--all", stdout=out, stderr=out)
    assert "due: 0 created, 0 updated, 1 unchanged, 0 hidden, 0 failed" in out.getvalue()
    assert "later" not in out.getvalue()
    with pytest.raises(CommandError, match="The feeds are: due, later"):
        call_command("sync_feeds", "lost")


def test_imports_an_uploaded_file_once(db: None) -> None:
    feed = Feed.objects.create(name="upload", upload=text_of("a", "b"))
    assert counts(run(feed)) == {"created": 2}
    assert not due_feeds()


def test_keeps_the_runs_that_matter(serve: Serve) -> None:
    feed = new_feed(serve(versioned(text_of("a"), 'ETag: "a"')))
    finished = run(feed)
    ended = {"state": State.UNCHANGED, "ended_at": timezone.now()}
    FeedRun.objects.bulk_create(FeedRun(feed=feed, **ended) for _ in range(60))
    assert run(feed).state == State.UNCHANGED
    assert FeedRun.objects.count() == 51
    assert FeedRun.objects.filter(pk=finished.pk).exists()
