"""A shop whose disk is full: a small file system of its own, filled to the last byte."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.conftest import jpeg
from tests.databases import Migrate
from tests.server.conftest import open_shop
from tests.server.servers import Gunicorn
from tests.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 30 MB."""
    folder = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("this user can't mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607


@pytest.fixture(scope="module")
def full(
    disk: Path, model_dir: Path, migrate: Migrate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gunicorn]:
    """A server on the full disk that has answered a search before."""
    environment = open_shop(disk, model_dir, f"sqlite:///{disk}/db.sqlite3", migrate)
    log = tmp_path_factory.mktemp("log") / "gunicorn.log"
    server = Gunicorn(environment | {"DISK_RESERVE_MB": "0.01", "SEARCH_RATE": "600/min"}, log)
    assert server.search(jpeg(1)).status == 200
    with (disk / "fill").open("wb", buffering=0) as fill, suppress(OSError):
        while True:
            fill.write(bytes(4096))
    yield server
    server.stop()


def get(server: Gunicorn, path: str) -> requests.Response:
    return requests.get(server.base + path, timeout=PATIENCE)


def test_searches_and_pages_are_answered(full: Gunicorn) -> None:
    before = full.children()
    for seed in (1, 2, 20):
        answer = full.search(jpeg(seed))
        assert answer.status == 200, answer.text
    for path in ("/products/", "/", "/api/products/"):
        assert get(full, path).status_code == 200
    assert full.children() == before, "no process was killed"


def test_refusals_are_sentences(full: Gunicorn) -> None:
    answer = full.search(os.urandom(3_000_000))
    assert answer.status == 503
    assert "no room for uploads" in answer.text


def test_readyz_reports_it(full: Gunicorn) -> None:
    ready = get(full, "/readyz")
    assert ready.status_code == 200
    assert ready.json()["reasons"]["disk"].startswith("Only 0 MB are free on the disk of VAR_DIR")


def test_new_processes_are_not_killed_either(full: Gunicorn) -> None:
    before = full.children()
    full.reload()
    after = until(full.children, lambda children: children and not children & before)
    for _ in range(3):  # SQLite needs some space to open a database that nobody has open
        answer = full.search(jpeg(3))
        assert answer.status == 200 or "Please try again later." in answer.text
    assert full.children() == after
