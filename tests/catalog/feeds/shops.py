"""Feeds of a few products, and the server that has them."""

from typing import Any

from catalog.feeds.running import sync
from catalog.models import Feed, FeedRun, Product
from tests.catalog.local_servers import LocalServer

HEADER = "id,name,category,image_url,price"


def text_of(*skus: str, price: str = "5", active: str = "") -> bytes:
    header, last = (f"{HEADER},active", f",{active}") if active else (HEADER, "")
    return "\n".join([header, *(f"{sku},Mug {sku},Home,,{price}{last}" for sku in skus)]).encode()


def many(count: int) -> list[str]:
    return [f"m{number:04}" for number in range(count)]


def new_feed(server: LocalServer, name: str = "main", **fields: Any) -> Feed:
    return Feed.objects.create(name=name, url=server.url, **fields)


def run(feed: Feed, **options: Any) -> FeedRun:
    """Run it as if it were read from the database anew."""
    done = sync(Feed.objects.get(pk=feed.pk), **options)
    assert done is not None
    done.refresh_from_db()
    return done


def counts(run: FeedRun) -> dict[str, int]:
    names = ("created", "updated", "unchanged", "hidden", "failed")
    return {name: count for name in names if (count := getattr(run, name))}


def shown() -> set[str]:
    return set(Product.objects.filter(active=True).values_list("sku", flat=True))
