"""What a search leaves behind, seen through the API."""

from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from redis import Redis

from catalog.models import Product
from search.queries import photo_cache
from tests.catalog.samples import encoded
from tests.conftest import jpeg
from tests.pipeline.processes import Broker
from tests.search.api.test_search import Post, post, products
from tests.tools import REDIS

__all__ = ["post", "products"]


@pytest.fixture
def full_redis(tmp_path: Path) -> Iterator[Broker]:
    """A Redis server that has no memory left and evicts nothing."""
    REDIS.path()
    with Broker(tmp_path / "redis.log") as server, Redis.from_url(server.url) as client:
        client.set("foreign", bytes(2_000_000))
        client.config_set("maxmemory", "1mb")
        client.config_set("maxmemory-policy", "noeviction")
        yield server


def test_search_goes_on_when_redis_is_full(
    products: list[Product], client: Client, post: Post, settings: Any, full_redis: Broker
) -> None:
    settings.CACHE_URL, settings.SEARCH_RATE = full_redis.url, "600/min"
    for seed in range(3):
        status, answer = post(file=jpeg(seed))
        assert (status, answer["results"][0]["id"]) == (200, products[seed].pk)
    assert client.get("/products/").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_photo_of_one_client_survives_the_flood_of_another_and_then_its_hour_ends(
    products: list[Product], client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KEPT_PHOTOS_MB, settings.KEPT_PHOTOS_CLIENT_MB = 2, 1

    def search(photo: bytes, address: str) -> str:
        fields = {"file": SimpleUploadedFile("photo.jpg", photo)}
        answer = client.post("/api/search/", fields, REMOTE_ADDR=address).json()
        return str(answer["query"]["id"])

    def crop(query: str) -> int:
        asked = {"query": query, "crop": "0.5,0,0.5,1"}
        return client.get("/api/search/", asked, REMOTE_ADDR="203.0.113.9").status_code

    mine = search(jpeg(0), "203.0.113.7")
    noise = [encoded(Image.effect_noise((600, 400 + n), 90), "PNG") for n in range(8)]
    flood = [search(photo, "203.0.113.8") for photo in noise]
    assert mine != search(jpeg(0), "203.0.113.8")
    assert [crop(mine), crop(flood[0]), crop(flood[-1])] == [200, 400, 200]
    assert sum(file.stat().st_size for file in settings.PHOTOS_DIR.iterdir()) < 2 * 2**20
    later = time() + photo_cache.QUERY_SECONDS
    monkeypatch.setattr(photo_cache, "time", lambda: later)
    assert {crop(query) for query in (mine, flood[-1])} == {400}
    photo_cache.sweep()
    assert len(list(settings.PHOTOS_DIR.iterdir())) == 1, "only the index is left"


def test_photo_of_a_search_is_shown_to_whoever_has_its_id(
    products: list[Product], client: Client, post: Post
) -> None:
    _, answer = post(file=jpeg(0))
    response = client.get(f"/api/search/{answer['query']['id']}/photo/")
    assert (response.status_code, response["Content-Type"]) == (200, "image/jpeg")
    assert response.content.startswith(b"\xff\xd8\xff")
    for query in ("AAAAAAAAAAAAAAAA", f"product-{products[0].pk}", "x"):
        assert client.get(f"/api/search/{query}/photo/").status_code == 404
