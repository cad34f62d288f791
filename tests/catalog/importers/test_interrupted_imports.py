"""Imports by real processes: a transaction of the test would hide what a kill leaves behind."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from tests.conftest import FIXTURES, Picture
from tests.databases import Migrate, ask, new_database
from tests.waiting import PATIENCE


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A database of its own, and a broker that is down."""
    nowhere = {"VAR_DIR": str(tmp_path / "var"), "CELERY_BROKER_URL": "redis://127.0.0.1:9"}
    with new_database() as url:
        yield os.environ | nowhere | {"DATABASE_URL": url, "MEDIA_ROOT": ""}


def test_import_that_is_killed_half_way_goes_on_where_it_was(
    environment: dict[str, str], picture: Picture, tmp_path: Path, migrate: Migrate
) -> None:
    for seed in range(20):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed))
    path = tmp_path / "products.csv"
    rows = (f"m{n},Mug,C{n % 7},{n % 20}.jpg,9" for n in range(600))
    path.write_text("\n".join(["id,name,category,image_url,price", *rows]))
    migrate(environment)
    first = manage(environment, "import_products", path)
    while not count(environment):
        assert first.poll() is None, "it must not end before it is killed"
        sleep(0.01)
    first.kill()
    first.communicate(timeout=PATIENCE)
    kept = count(environment)
    assert kept % 100 == 0, "whole chunks only"
    assert kept < 600
    said = manage(environment, "import_products", path).communicate(timeout=PATIENCE)[0]
    assert f"{600 - kept} created, 0 updated, {kept} unchanged, 0 failed" in said
    stored = ask(environment, "SELECT sku, embedding_status, image <> '' FROM catalog_product")
    assert sorted(stored) == sorted((f"m{n}", "pending", True) for n in range(600))


def test_two_imports_of_the_same_products_at_once_create_each_once(
    environment: dict[str, str], tmp_path: Path, migrate: Migrate
) -> None:
    """They take the rows in opposite order, so on PostgreSQL each may wait for the other."""
    rows = [f"m{n},Mug,C{n % 9},,9" for n in range(1000)]
    paths = [tmp_path / "one.csv", tmp_path / "other.csv"]
    for path, each in zip(paths, (rows, rows[::-1]), strict=True):
        path.write_text("\n".join(["id,name,category,image_url,price", *each]))
    migrate(environment)
    imports = [manage(environment, "import_products", path) for path in paths]
    said = "".join(each.communicate(timeout=PATIENCE)[0] for each in imports)
    assert sum(map(int, re.findall(r"(\d+) created", said))) == count(environment) == 1000
    assert said.count(" 0 failed") == 2


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
