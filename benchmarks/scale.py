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
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import Barrier, get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from report import machine, write_section
from shop import clerks, enter, fill, memory, new_shop
from vectors import ROOT, Vectors, catalog_vectors, query_vectors

PROCESSES = 4
QUERIES = 60
K = 12


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
        environment = new_shop(Path(folder))
        with clerks(environment) as staff:
            filled = staff.submit(_fill, options.photos, options.products).result()
            written = staff.submit(_compact).result()
        alone = _measure(environment, options.photos, processes=1)
        together = _measure(environment, options.photos, processes=PROCESSES)
    write_section(f"scale {options.products}", _report(options, filled, written, alone, together))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="?", type=Path, default=ROOT / "fixtures" / "images")
    parser.add_argument("--products", type=int, default=1_000_000)
    return parser.parse_args()


def _fill(photos: Path, count: int) -> float:
    return fill(catalog_vectors(photos, count))


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
    enter(environment)


def _search(photos: Path) -> Process:
    from search.index.reading import read_total

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
    shared, private = memory(os.getpid()), _status("RssAnon") - before
    together.wait()
    return Process(opened, looked, private, shared, scans, ranks, identical)


def _full_scan(rows: Vectors, query: Vectors) -> NDArray[np.intp]:
    scores = rows @ query
    best = np.argpartition(scores, -K)[-K:]
    return best[np.argsort(-scores[best])]


def _index() -> Any:
    from catalog.serving import serving_embedder
    from search.index import LiveIndex

    embedder = serving_embedder()
    return LiveIndex(embedder.identity, embedder.dim)


def _status(name: str) -> float:
    """A line of the process' own status, in MiB."""
    return int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def _timed(work: Any) -> tuple[float, Any]:
    started = perf_counter()
    done = work()
    return perf_counter() - started, done


def _report(
    options: argparse.Namespace,
    filled: float,
    written: float,
    alone: list[Process],
    together: list[Process],
) -> str:
    one = alone[0]
    scan, rank = np.median(one.scans), np.median(one.ranks)
    rows = {
        "database filled, seconds": f"{filled:.0f}",
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
