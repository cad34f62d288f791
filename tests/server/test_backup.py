"""A copy of a shop on SQLite, made while it goes on, put in an empty folder and searched there."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import jpeg
from tests.databases import Migrate
from tests.server.conftest import PRODUCTS, open_shop
from tests.server.servers import ROOT, Gunicorn
from tests.waiting import PATIENCE

NEW = range(PRODUCTS, PRODUCTS + 20)


def command(environment: dict[str, str], *words: object) -> "subprocess.Popen[str]":
    manage = [sys.executable, "manage.py", *map(str, words)]
    return subprocess.Popen(manage, cwd=ROOT, env=environment, text=True)  # noqa: S603


def restored(environment: dict[str, str], copy: Path) -> dict[str, str]:
    """The settings of a shop that has the copy for its own."""
    restored = environment | {"VAR_DIR": str(copy)}
    assert command(restored, "migrate", "-v0").wait(PATIENCE) == 0
    return restored


def write_products(folder: Path) -> Path:
    lines = ["id,name,category,image_url,price"]
    for seed in NEW:
        (folder / f"{seed}.jpg").write_bytes(jpeg(seed))
        lines.append(f"{seed},Mug {seed},Home,{seed}.jpg,9.99")
    products = folder / "more.csv"
    products.write_text("\n".join(lines))
    return products


@pytest.fixture
def shop(tmp_path: Path, model_dir: Path, migrate: Migrate) -> dict[str, str]:
    """The settings of a shop that somebody may change."""
    folder = tmp_path / "shop"
    folder.mkdir()
    return open_shop(folder, model_dir, "", migrate)


def test_copy_of_a_shop_that_imports_is_a_shop(shop: dict[str, str], tmp_path: Path) -> None:
    second = tmp_path / "second"
    importing = command(shop, "import_products", write_products(tmp_path))
    while importing.poll() is None:
        assert command(shop, "backup", second).wait(PATIENCE) == 0
    assert importing.returncode == 0
    with closing(sqlite3.connect(second / "db.sqlite3")) as database:
        rows = database.execute("SELECT sku, image FROM catalog_product").fetchall()
    assert PRODUCTS <= len(rows) <= PRODUCTS + len(NEW)
    for _, image in rows:
        assert (second / "media" / image).is_file()
    server = Gunicorn(restored(shop, second), tmp_path / "second.log")
    try:
        for sku, _ in rows:
            status, text = server.search(jpeg(int(sku)))
            assert (status, f'"sku":"{sku}"' in text) == (200, True)
    finally:
        server.stop()
