"""A shop of real processes: a database, media in a folder, a Redis server, Celery workers."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.databases import Migrate, new_database
from tests.pipeline import clerk
from tests.pipeline.processes import Broker, enter
from tests.pipeline.shop import Shop
from tests.tools import REDIS


@pytest.fixture(scope="session")
def opened_shop(
    tmp_path_factory: pytest.TempPathFactory, model_dir: Path, migrate: Migrate
) -> Iterator[Shop]:
    """The shop, whose clerk has come to work."""
    REDIS.path()
    folder = tmp_path_factory.mktemp("shop")
    with new_database() as url, Broker(folder / "redis.log") as broker:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "visualsearch.settings",
            "VAR_DIR": str(folder),
            "MODEL_DIR": str(model_dir),
            "MEDIA_ROOT": "",
            "DATABASE_URL": url,
            "CACHE_URL": "",
            "CELERY_BROKER_URL": broker.url,
            "EMBEDDER": "efficientnet_lite0",
            "SABOTAGE": str(folder / "sabotage"),
        }
        migrate(environment)
        spawn = get_context("spawn")
        with ProcessPoolExecutor(1, spawn, initializer=enter, initargs=(environment,)) as clerks:
            yield Shop(folder, environment, broker, clerks, ExitStack())


@pytest.fixture
def shop(opened_shop: Shop) -> Iterator[Shop]:
    """The shop without products, messages, workers or sabotage."""
    opened_shop.ask(clerk.clear)
    opened_shop.broker.clear()
    opened_shop.sabotage.mkdir(exist_ok=True)
    for file in opened_shop.sabotage.iterdir():
        file.unlink()
    (opened_shop.sabotage / "opened").touch()
    opened_shop.log.write_text("")
    with opened_shop.closing:
        yield opened_shop
    said = opened_shop.log.read_text()
    print(said)  # which pytest shows only of a test that failed
    assert "database is locked" not in said
