"""The pages of feeds in the admin."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from catalog.models import EmbeddingStatus, Feed, FeedRun, Product
from tests.catalog.feeds.shops import many, new_feed, run, shown, text_of
from tests.catalog.local_servers import Serve, http

LIST = "/admin/catalog/feed/"
FORM = {"name": "Shop", "interval": "1440", "max_hidden": "20", "enabled": "on"}

pytestmark = pytest.mark.django_db


def save(client: Client, path: str, **fields: Any) -> str:
    """The page after a form was sent, as text."""
    text: str = client.post(path, FORM | fields, follow=True).content.decode()
    return text


def test_feed_is_made_tested_and_run(admin_client: Client, serve: Serve) -> None:
    text = text_of("a", "b").replace(b"name", b"Nom").replace(b"price", b"Prix")
    server = serve(http(text))
    page = save(
        admin_client, f"{LIST}add/", url=server.url, columns="name=Nom\n\nprice=Prix", currency="€"
    )
    assert "was added successfully" in page
    feed = Feed.objects.get()
    assert (feed.columns, feed.currency) == ({"name": "Nom", "price": "Prix"}, "EUR")
    assert feed.next_run_at is not None
    page = admin_client.post(f"{LIST}{feed.pk}/test/").content.decode()
    assert "Mug a" in page
    assert "<code>Prix</code>" in page
    assert not Product.objects.exists()
    page = admin_client.post(f"{LIST}{feed.pk}/run/", follow=True).content.decode()
    assert "<strong>2</strong> created" in page
    assert shown() == {"a", "b"}
    assert "fine" in admin_client.get(LIST).content.decode()
    assert "name=Nom" in admin_client.get(f"{LIST}{feed.pk}/change/").content.decode()


def test_password_is_never_shown_and_stays_with_its_host(admin_client: Client) -> None:
    secret = {"user": "shop", "password": "s3cret"}
    save(admin_client, f"{LIST}add/", url="https://shop.example/a.csv", **secret)
    feed = Feed.objects.get()
    path = f"{LIST}{feed.pk}/change/"
    assert "s3cret" not in admin_client.get(path).content.decode()
    save(admin_client, path, url="https://shop.example/b.csv", user="shop", password="")
    feed.refresh_from_db()
    assert (feed.url, feed.password) == ("https://shop.example/b.csv", "s3cret")
    page = save(admin_client, path, url="https://evil.example/b.csv", user="shop", password="")
    assert "The address has another host. Give its password." in page
    save(admin_client, path, url="https://evil.example/b.csv", user="", password="")
    feed.refresh_from_db()
    assert (feed.url, feed.password) == ("https://evil.example/b.csv", "")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": ""}, "Give an address, or a file."),
        ({"url": "ftp://shop.example/a.csv"}, "Give an http(s) address."),
        ({"url": "https://me:pass@shop.example/a"}, "User name and password have fields"),
        ({"url": "https://shop.example/", "columns": "Nom"}, "names no column"),
        ({"url": "https://shop.example/", "currency": "gold"}, "gold"),
        ({"url": "https://shop.example/", "max_hidden": "101"}, "less than or equal to 100"),
    ],
)
def test_form_says_what_is_wrong(admin_client: Client, fields: Any, said: str) -> None:
    assert said in save(admin_client, f"{LIST}add/", **fields).replace("&#x27;", "'")
    assert not Feed.objects.exists()


def test_uploaded_file_is_a_feed(admin_client: Client) -> None:
    save(admin_client, f"{LIST}add/", file=SimpleUploadedFile("<b>shop.csv", text_of("a")))
    feed = Feed.objects.get()
    page = admin_client.get(f"{LIST}{feed.pk}/change/").content.decode()
    assert "Now: &lt;b&gt;shop.csv." in page
    admin_client.post(f"{LIST}{feed.pk}/run/")
    assert shown() == {"a"}
    save(admin_client, f"{LIST}{feed.pk}/change/", name="Renamed")
    assert bytes(Feed.objects.get(name="Renamed").upload or b"") == text_of("a")


def test_warning_is_everywhere_until_somebody_approves(admin_client: Client, serve: Serve) -> None:
    server = serve(http(text_of(*many(10))))
    feed = new_feed(server)
    run(feed)
    assert "needs attention" not in admin_client.get("/admin/").content.decode()
    server.reply = http(text_of("m0000"))
    doubtful = run(feed)
    for path in ("/admin/", LIST):
        page = admin_client.get(path).content.decode()
        assert "The feed <bdi>main</bdi> needs attention." in page
        assert "9 of 10 products are not in the file" in page
    server.reply = http(b"", status="500 Oops")
    run(feed)
    page = admin_client.get("/admin/").content.decode()
    assert "The server answered 500" in page
    report = f"{LIST}{feed.pk}/runs/{doubtful.pk}/"
    assert "Hide 9 products" in admin_client.get(report).content.decode()
    page = admin_client.post(f"{report}approve/", follow=True).content.decode()
    assert "9 products are hidden now." in page
    assert "Approved by \u2068admin\u2069 on" in page
    assert shown() == {"m0000"}
    assert (
        "Nothing of this run waits"
        in admin_client.post(f"{report}approve/", follow=True).content.decode()
    )


def test_report_shows_progress_failures_and_failed_pictures(
    admin_client: Client, serve: Serve
) -> None:
    feed = new_feed(serve(http(text_of("a", price="cheap") + b"\nb,Mug b,Home,,5")))
    done = run(feed)
    Product.objects.update(
        image_url="https://shop.example/b.jpg",
        embedding_status=EmbeddingStatus.FAILED,
        embedding_error="The server answered 404 for this address.",
    )
    path = f"{LIST}{feed.pk}/runs/{done.pk}/"
    page = admin_client.get(path).content.decode()
    assert "cheap" in page
    assert "https://shop.example/b.jpg" in page
    assert "refresh" not in page
    FeedRun.objects.update(
        ended_at=None, state="importing", done=300, size=1200, lease_until=timezone.now()
    )
    page = admin_client.get(path).content.decode()
    assert 'http-equiv="refresh"' in page
    assert 'value="25"' in page


def test_deleting_a_feed_keeps_its_products(admin_client: Client, serve: Serve) -> None:
    feed = new_feed(serve(http(text_of("a"))))
    run(feed)
    page = admin_client.get(f"{LIST}{feed.pk}/delete/")
    assert "Products" not in page.context["model_count"]
    admin_client.post(f"{LIST}{feed.pk}/delete/", {"post": "yes"})
    assert Product.objects.get().feed is None
    assert not FeedRun.objects.exists()
