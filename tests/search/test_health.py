import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from catalog.models import Product
from search import health
from search.engines import get_engine
from search.engines.numpy import NumpyEngine
from tests.conftest import MakeProduct, Picture


@pytest.fixture
def mug(make_product: MakeProduct, picture: Picture) -> Product:
    return make_product(image=picture(1))


def test_healthz_says_that_the_process_answers(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"


def test_readyz_tells_embedder_index_and_queue(mug: Product, client: Client) -> None:
    response = client.get("/readyz")
    ready = response.json()
    assert response.status_code == 200
    assert (ready["status"], ready["reasons"]) == ("ready", {})
    assert ready["embedder"] == mug.embedder
    assert ready["index"]["products"] == 1
    assert ready["index"]["generation"] > 0
    assert 0 <= ready["index"]["lag_seconds"] < 60
    assert ready["queue"] == {"waiting": 0, "oldest_seconds": 0}


def test_readyz_without_network_names_the_command(
    mug: Product, client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.MODEL_DIR = tmp_path
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "not ready"
    assert "download_model" in response.json()["reasons"]["embedder"]
    assert client.get("/healthz").status_code == 200


def test_readyz_without_vectors_names_the_command(
    make_product: MakeProduct, client: Client
) -> None:
    make_product()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "build_embeddings" in response.json()["reasons"]["index"]


@pytest.mark.django_db(transaction=True)
def test_readyz_says_that_the_database_is_away(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE catalog_productphoto RENAME TO gone")
    try:
        response = client.get("/readyz")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO catalog_productphoto")
    assert response.status_code == 503
    assert response.json()["reasons"].keys() == {"database"}
    assert response.json()["queue"] is None


def test_readyz_tells_of_a_nearly_full_disk_and_stays_ready(
    mug: Product, client: Client, settings: Any
) -> None:
    settings.DISK_RESERVE_MB = 2**40
    response = client.get("/readyz")
    assert response.status_code == 200
    reason = response.json()["reasons"]["disk"]
    # All are on one disk here; which had the least depends on what was just written to it.
    folder = "(VAR_DIR|MEDIA_ROOT|the temporary folder)"
    assert re.match(rf"Only \d+ MB are free on the disk of {folder}, fewer than ", reason)
    assert str(settings.VAR_DIR) not in reason


def test_readyz_tells_of_a_queue_that_stands_still_and_stays_ready(
    mug: Product, make_product: MakeProduct, picture: Picture, client: Client
) -> None:
    waiting = make_product(image=picture(2))
    Product.objects.filter(pk=waiting.pk).make_pending()
    since = timezone.now() - health.LATE - timedelta(seconds=1)
    Product.objects.filter(pk=waiting.pk).update(embedding_due_at=since)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert "Are worker and beat running?" in response.json()["reasons"]["queue"]
    assert response.json()["queue"]["waiting"] == 1


def test_readyz_tells_of_an_index_that_is_behind_and_stays_ready(
    mug: Product, client: Client, settings: Any
) -> None:
    client.get("/readyz")
    settings.INDEX_REFRESH_SECONDS = 3600
    engine = get_engine()
    assert isinstance(engine, NumpyEngine)
    engine.index(mug.embedder, 1280)._checked -= health.LAGGING + 1
    response = client.get("/readyz")
    assert response.status_code == 200
    assert "behind the database" in response.json()["reasons"]["lag"]
    assert response.json()["index"]["lag_seconds"] > health.LAGGING
