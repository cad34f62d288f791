"""Imports by real processes: a transaction of the test would hide what a kill leaves behind."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from time import sleep
from typing import Any

from tests.conftest import FIXTURES, Picture


def test_import_that_is_killed_half_way_goes_on_where_it_was(
    picture: Picture, tmp_path: Path
) -> None:
    for seed in range(20):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed))
    path = tmp_path / "products.csv"
    rows = (f"m{n},Mug,C{n % 7},{n % 20}.jpg,9" for n in range(600))
    path.write_text("\n".join(["id,name,category,image_url,price", *rows]))
    database = tmp_path / "var" / "db.sqlite3"
    manage(tmp_path, "migrate").communicate(timeout=60)
    first = manage(tmp_path, "import_products", path)
    while count(database) < 200:
        assert first.poll() is None, "it must not end before it is killed"
        sleep(0.01)
    first.kill()
    first.communicate(timeout=60)
    kept = count(database)
    assert kept % 100 == 0, "whole chunks only"
    assert kept < 600
    said = manage(tmp_path, "import_products", path).communicate(timeout=60)[0]
    assert f"{600 - kept} created, 0 updated, {kept} unchanged, 0 failed" in said
    with closing(sqlite3.connect(database)) as connection:
        stored = connection.execute(
            "SELECT sku, embedding_status, image <> '' FROM catalog_product"
        )
        assert sorted(stored) == sorted((f"m{n}", "pending", 1) for n in range(600))


def manage(home: Path, *arguments: Any) -> "subprocess.Popen[str]":
    """A command with a database of its own, and a broker that is down."""
    nowhere = {"VAR_DIR": str(home / "var"), "CELERY_BROKER_URL": "redis://127.0.0.1:9"}
    return subprocess.Popen(  # noqa: S603
        [sys.executable, FIXTURES.parent / "manage.py", *map(str, arguments)],
        env=os.environ | nowhere | {"DATABASE_URL": "", "MEDIA_ROOT": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def count(database: Path) -> int:
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        rows: int = connection.execute("SELECT COUNT(*) FROM catalog_product").fetchone()[0]
        return rows
