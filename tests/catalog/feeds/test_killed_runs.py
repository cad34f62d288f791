"""Runs by real processes: a transaction of the test would hide what a kill leaves behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from tests.catalog.feeds.shops import many, text_of
from tests.catalog.local_servers import LocalServer, Serve, http
from tests.conftest import FIXTURES
from tests.databases import Migrate, ask, change, new_database
from tests.waiting import PATIENCE

ROWS = 4000


@pytest.fixture
def server(serve: Serve) -> LocalServer:
    return serve(http(text_of(*many(ROWS))))


@pytest.fixture
def environment(tmp_path: Path, server: LocalServer, migrate: Migrate) -> Iterator[dict[str, str]]:
    """A shop with a feed, and a broker that is down."""
    own = {"VAR_DIR": str(tmp_path / "var"), "CELERY_BROKER_URL": "redis://127.0.0.1:9"}
    with new_database() as url:
        environment = os.environ | own | {"DATABASE_URL": url, "MEDIA_ROOT": ""}
        environment["FETCH_ALLOWED_HOSTS"] = server.host
        migrate(environment)
        names = 'name, url, "user", password, format, currency, base_url, upload_name, columns'
        texts = f"'main', '{server.url}', '', '', '', '', '', '', '{{}}'"
        columns = f'{names}, "interval", max_hidden, enabled, next_run_at'
        values = f"{texts}, 60, 20, true, '2020-01-01 00:00:00+00:00'"
        change(environment, f"INSERT INTO catalog_feed ({columns}) VALUES ({values})")  # noqa: S608
        yield environment


def test_run_that_is_killed_goes_on_where_it_was(environment: dict[str, str]) -> None:
    first = manage(environment, "sync_feeds")
    while not (kept := count(environment)):
        assert first.poll() is None, "it must not end before it is killed"
        sleep(0.01)
    first.kill()
    first.communicate(timeout=PATIENCE)
    kept = count(environment)
    assert kept < ROWS
    assert ask(environment, "SELECT rows, created FROM catalog_feedrun") == [(kept, kept)]
    change(environment, "UPDATE catalog_feedrun SET lease_until = NULL")  # it has minutes to go
    said = manage(environment, "sync_feeds").communicate(timeout=PATIENCE)[0]
    assert said == f"main: {ROWS} created, 0 updated, 0 unchanged, 0 hidden, 0 failed\n"
    assert count(environment) == ROWS
    runs = "SELECT state, rows, created, hidden FROM catalog_feedrun"
    assert ask(environment, runs) == [("finished", ROWS, ROWS, 0)]
    assert not list(Path(environment["VAR_DIR"], "feeds").iterdir())


def manage(environment: dict[str, str], *arguments: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603
        [sys.executable, FIXTURES.parent / "manage.py", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def count(environment: dict[str, str]) -> int:
    rows: int = ask(environment, "SELECT COUNT(*) FROM catalog_product")[0][0]
    return rows
