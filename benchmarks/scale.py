"""What does one machine hold? A catalog of a million products, from its database to its answers.

    python benchmarks/scale.py [PHOTOS] [--products 1000000]

Fills a database in a folder that is thrown away with products whose vectors are those of real
pictures (see `vectors`; PHOTOS is the folder they are made from), writes the snapshot as
`build_embeddings` does, and searches it in four processes. A million products take some 15 GB of
disk for the time of the run. The table is written to `benchmarks/RESULTS.md`.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import Barrier, get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report import machine, write_section

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PROCESSES = 4
QUERIES = 60
K = 12
BATCH = 2000
MIB = 2**20


@dataclass(frozen=True)
class Process:
    """What a process measured of itself."""

    open_seconds: float  # from its first question to the index until it has the catalog
    look_seconds: float  # at the database, for changes
    private: float  # MiB of its own, at the end
    proportional: float  # MiB, what it shares divided by those who share it
    scans: list[float]  # seconds of NumPy's full scan
    ranks: list[float]
    identical: int


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(Path(folder))
        spawn = get_context("spawn")
        with ProcessPoolExecutor(1, spawn, initializer=_enter, initargs=(environment,)) as clerk:
            stocked = clerk.submit(_stock, options.photos, options.products).result()
            written = clerk.submit(_compact).result()
        alone = _measure(environment, options.photos, processes=1)
        together = _measure(environment, options.photos, processes=PROCESSES)
    write_section(f"scale {options.products}", _report(options, stocked, written, alone, together))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="?", type=Path, default=ROOT / "fixtures" / "images")
    parser.add_argument("--products", type=int, default=1_000_000)
    return parser.parse_args()


def _environment(folder: Path) -> dict[str, str]:
    ours = {
        "DJANGO_SETTINGS_MODULE": "visualsearch.settings",
        "VAR_DIR": str(folder),
        "MODEL_DIR": os.environ.get("MODEL_DIR", str(ROOT / "var" / "models")),
        "EMBEDDER": "efficientnet_lite0",
    }
    return (
        dict.fromkeys(("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "MEDIA_ROOT"), "") | ours
    )


def _enter(environment: dict[str, str]) -> None:
    os.environ.update(environment)
    import django

    django.setup()


def _stock(photos: Path, count: int) -> float:
    """Seconds to fill the database."""
    from django.core.management import call_command

    from benchmarks.vectors import catalog_vectors
    from catalog.models import Category, Product

    call_command("migrate", verbosity=0)
    vectors = catalog_vectors(photos, count)
    started = perf_counter()
    categories = [Category.objects.create(name=f"Category {number}") for number in range(20)]
    products = _products(vectors, categories)
    while batch := list(islice(products, BATCH)):
        Product.objects.bulk_create(batch)
    return perf_counter() - started


def _products(vectors: NDArray[np.float32], categories: list[Any]) -> Iterator[Any]:
    from catalog.models import Product
    from catalog.serving import serving_embedder
    from catalog.vectors import to_bytes

    identity = serving_embedder().identity
    for number, vector in enumerate(vectors):
        yield Product(
            sku=str(number),
            name=f"Product {number}",
            category=categories[number % len(categories)],
            price=number % 100,
            image=f"products/{number}.jpg",
            embedding=to_bytes(vector),
            embedder=identity,
            embedding_status="ready",
        )


def _compact() -> float:
    """Seconds to write the snapshot."""
    return _timed(_index().compact)[0]


def _measure(environment: dict[str, str], photos: Path, *, processes: int) -> list[Process]:
    spawn = get_context("spawn")
    barrier = spawn.Barrier(processes)
    initial = (environment, barrier)
    with ProcessPoolExecutor(processes, spawn, initializer=_start, initargs=initial) as pool:
        return list(pool.map(_search, [photos] * processes))


def _start(environment: dict[str, str], barrier: Barrier) -> None:
    global together
    together = barrier
    _enter(environment)


def _search(photos: Path) -> Process:
    from benchmarks.vectors import query_vectors
    from search.index.facts import read_total

    queries = query_vectors(photos, 500)[:: 500 // QUERIES]
    before = _status("RssAnon")
    opened, corpus = _timed(_index().corpus)
    looked, _ = _timed(read_total)
    together.wait()
    scans, ranks, identical = [], [], 0
    for query in queries:
        scanned, expected = _timed(lambda query=query: _full_scan(corpus.base.matrix.rows, query))
        ranked, found = _timed(lambda query=query: corpus.rank(query, K))
        scans.append(scanned)
        ranks.append(ranked)
        identical += np.array_equal(found.items, expected)
        corpus.rank(query, K, threshold=0.7)
    together.wait()
    memory = Path("/proc/self/smaps_rollup").read_text()
    shared = int(re.search(r"Pss:\s+(\d+)", memory)[1]) / 1024
    private = _status("RssAnon") - before
    together.wait()
    return Process(opened, looked, private, shared, scans, ranks, identical)


def _full_scan(rows: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.intp]:
    scores = rows @ query
    best = np.argpartition(scores, -K)[-K:]
    return best[np.argsort(-scores[best])]


def _index() -> Any:
    from catalog.serving import serving_embedder
    from search.index import live_index

    embedder = serving_embedder()
    return live_index(embedder.identity, embedder.dim)


def _status(name: str) -> float:
    """A line of the process' own status, in MiB."""
    return int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def _timed(work: Any) -> tuple[float, Any]:
    started = perf_counter()
    done = work()
    return perf_counter() - started, done


def _report(
    options: argparse.Namespace,
    stocked: float,
    written: float,
    alone: list[Process],
    together: list[Process],
) -> str:
    one = alone[0]
    scan, rank = np.median(one.scans), np.median(one.ranks)
    rows = {
        "database filled, seconds": f"{stocked:.0f}",
        "snapshot written from it, seconds": f"{written:.0f}",
        "a process opens it, seconds": f"{one.open_seconds:.2f}",
        "a look for changes, ms": f"{1000 * one.look_seconds:.0f}",
        "private memory of a process after its searches, MiB": f"{one.private:.0f}",
        f"the same in each of {len(together)}, at most": f"{max(p.private for p in together):.0f}",
        f"all memory of {len(together)}, shared pages counted once": (
            f"{sum(p.proportional for p in together):.0f}"
        ),
        f"{K} best of {QUERIES} queries, median / full scan": f"{rank / scan:.3f}",
        "95th percentile / full scan's": (
            f"{np.percentile(one.ranks, 95) / np.percentile(one.scans, 95):.2f}"
        ),
        "identical": f"{one.identical} of {len(one.ranks)}",
    }
    lines = [f"## {options.products:,} products on one machine", ""]
    command = f"`python benchmarks/scale.py {options.photos.name} --products {options.products}`"
    lines.append(f"{command}: {machine()}")
    lines += ["", "| | |", "|---|--:|", *(f"| {name} | {value} |" for name, value in rows.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
