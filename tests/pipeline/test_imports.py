"""Several processes at once on one database, the worker among them."""

import csv
import subprocess
import sys
from pathlib import Path

from tests.conftest import jpeg
from tests.pipeline.processes import ROOT
from tests.pipeline.shop import Shop
from tests.waiting import PATIENCE

PROCESSES, ROWS = 3, 120  # an import commits a hundred rows at a time


def write_catalog(folder: Path, number: int) -> Path:
    """A CSV file of products that no other number has; categories they share."""
    first = number * ROWS
    file = folder / f"{number}.csv"
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(["id", "name", "category", "image_url", "price"])
        for seed in range(first, first + ROWS):
            (folder / f"{seed}.jpg").write_bytes(jpeg(seed, (160, 140)))
            rows.writerow([seed, f"Mug {seed}", f"Category {seed % 7}", f"{seed}.jpg", "9.99"])
    return file


def test_three_processes_import_at_once(shop: Shop, tmp_path: Path) -> None:
    catalogs = [write_catalog(tmp_path, number) for number in range(PROCESSES)]
    shop.start_worker()
    importers = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, "manage.py", "import_products", str(catalog)],
            cwd=ROOT,
            env=shop.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for catalog in catalogs
    ]
    said = [importer.communicate(timeout=PATIENCE)[0] for importer in importers]
    assert [importer.returncode for importer in importers] == [0] * PROCESSES, said
    assert all(f"{ROWS} created, 0 updated, 0 unchanged, 0 failed" in text for text in said), said
    shop.wait_until_well(ask_for=5)
