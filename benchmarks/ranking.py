"""How fast are the best products found, next to a full scan and to other libraries?

    python benchmarks/ranking.py [PHOTOS] [--sizes 10000 100000 1000000] [--queries 500]

PHOTOS is a folder of pictures (the demo's unless told otherwise); `vectors.py` says what becomes
of them. Queries are asked of all contenders in turns, so that what else the machine does slows
down each of them. The table is written to `benchmarks/RESULTS.md`.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import faiss
import numpy as np
from numpy.typing import NDArray
from report import machine, write_section
from usearch.index import Index, MetricKind
from usearch.index import search as usearch_scan
from vectors import EMBEDDED, ROOT, STORE, Vectors, catalog_vectors, query_vectors

from search.ranking import WORTHWHILE, Matrix, bounds_of, rank

K = 12
THRESHOLD = 0.70
GRAPHS_UP_TO = 100_000  # rows; a graph of a million takes two cores half an hour to build
MIB = 2**20

T = TypeVar("T")
Found = NDArray[np.intp]
Search = Callable[[Vectors], Found]


@dataclass
class Contender:
    """A way to search, and how it did."""

    name: str
    search: Search
    build_seconds: float = 0.0
    mebibytes: float = 0.0  # beside the rows
    seconds: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    identical: int = 0

    def ask(self, query: Vectors, expected: Found) -> None:
        started = perf_counter()
        found = self.search(query)
        self.seconds.append(perf_counter() - started)
        self.recalls.append(np.isin(expected, found).mean())
        self.identical += np.array_equal(found, expected)


def main() -> None:
    options = _options()
    queries = query_vectors(options.photos, options.queries)
    shuffled = queries[np.random.default_rng(0).permutation(len(queries))]
    tables = [_measure(catalog_vectors(options.photos, size), shuffled) for size in options.sizes]
    write_section("ranking", "\n\n".join(["## Ranking", _setting(options, len(queries)), *tables]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="?", type=Path, default=ROOT / "fixtures" / "images")
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 100_000])
    parser.add_argument("--queries", type=int, default=500)
    return parser.parse_args()


def _measure(rows: Vectors, queries: Vectors) -> str:
    print(f"{len(rows):,} rows", file=sys.stderr)
    exact = Matrix(rows, np.arange(len(rows)))
    ours, build = _timed(lambda: _bounded(exact))
    contenders = _contenders(ours, build)
    for query in queries:
        expected, counted = rank(exact, query, K).items, _ours(exact, query)
        for contender in contenders:
            contender.ask(query, counted if "counts" in contender.name else expected)
    return _table(contenders, len(rows)) + _private_memory(ours, queries)


def _bounded(exact: Matrix) -> Matrix:
    worthwhile = len(exact.rows) >= WORTHWHILE
    return replace(exact, bounds=bounds_of(exact.rows)) if worthwhile else exact


def _contenders(ours: Matrix, build: float) -> list[Contender]:
    rows = np.asarray(ours.rows)
    beside = sum(array.nbytes for array in _arrays(ours).values()) / MIB
    flat, flat_build = _timed(lambda: _faiss(faiss.IndexFlatIP(rows.shape[1]), rows))
    found = [
        Contender("NumPy, full scan", lambda query: _best(rows @ query)),
        Contender("visualsearch", lambda query: rank(ours, query, K).items, build, beside),
        Contender(f"NumPy, full scan, counts at {THRESHOLD}", lambda query: _counted(rows, query)),
        Contender(f"visualsearch, counts at {THRESHOLD}", lambda query: _ours(ours, query)),
        Contender("FAISS IndexFlatIP", _faiss_search(flat), flat_build, rows.nbytes / MIB),
        Contender("usearch, exact", lambda query: _usearch_scan(rows, query)),
    ]
    return found + (_graphs(rows) if len(rows) <= GRAPHS_UP_TO else [])


def _graphs(rows: Vectors) -> list[Contender]:
    """Approximate ones: 32 neighbours a row, 128 candidates at building and at searching."""
    hnsw = faiss.IndexHNSWFlat(rows.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    hnsw.hnsw.efConstruction = hnsw.hnsw.efSearch = 128
    settings = {"connectivity": 32, "expansion_add": 128, "expansion_search": 128}
    index = Index(ndim=rows.shape[1], metric=MetricKind.IP, dtype="f32", **settings)
    _, faiss_build = _timed(lambda: _faiss(hnsw, rows))
    _, usearch_build = _timed(lambda: index.add(np.arange(len(rows)), rows))
    size = len(faiss.serialize_index(hnsw)) / MIB
    return [
        Contender("FAISS HNSW", _faiss_search(hnsw), faiss_build, size),
        Contender(
            "usearch HNSW",
            lambda query: index.search(query, K).keys.astype(np.intp),
            usearch_build,
            index.memory_usage / MIB,
        ),
    ]


def _best(scores: Vectors) -> Found:
    best = np.argpartition(scores, -K)[-K:]
    return best[np.argsort(-scores[best])]


def _counted(rows: Vectors, query: Vectors) -> Found:
    """The best, and last how many there are in all."""
    scores = rows @ query
    best = _best(scores)
    return np.append(best[scores[best] >= THRESHOLD], np.count_nonzero(scores >= THRESHOLD))


def _ours(matrix: Matrix, query: Vectors) -> Found:
    ranking = rank(matrix, query, K, threshold=THRESHOLD)
    return np.append(ranking.items, np.count_nonzero(ranking.matched))


def _faiss(index: faiss.Index, rows: Vectors) -> faiss.Index:
    index.add(rows)
    return index


def _faiss_search(index: faiss.Index) -> Search:
    return lambda query: index.search(query[np.newaxis], K)[1][0]


def _usearch_scan(rows: Vectors, query: Vectors) -> Found:
    found = usearch_scan(rows, query, K, MetricKind.IP, exact=True)
    return found.keys.astype(np.intp)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = perf_counter()
    return work(), perf_counter() - started


def _arrays(matrix: Matrix) -> dict[str, NDArray[np.generic]]:
    """Those of the bounds, which a small catalog has none of."""
    return vars(matrix.bounds) if matrix.bounds else {}


def _private_memory(matrix: Matrix, queries: Vectors) -> str:
    """What a process has for itself that maps rows and bounds from files and searches them."""
    with tempfile.TemporaryDirectory(dir=STORE) as folder:
        (Path(folder) / "rows.npy").symlink_to(matrix.rows.filename)
        np.save(f"{folder}/queries.npy", queries[:50])
        for name, array in _arrays(matrix).items():
            np.save(f"{folder}/{name}.npy", array)
        command = [sys.executable, "-c", MAPPING_PROCESS, folder]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    return f"\n\nA process that maps rows and bounds and ranks: {done.stdout.strip()} MiB private."


MAPPING_PROCESS = f"""
import re, sys
from pathlib import Path
import numpy as np
from search.ranking import Bounds, Matrix, rank
arrays = {{
    name: np.load(f"{{sys.argv[1]}}/{{name}}.npy", mmap_mode="r")
    for name in (path.stem for path in Path(sys.argv[1]).iterdir())
}}
rows, queries = arrays.pop("rows"), arrays.pop("queries")
matrix = Matrix(rows, np.arange(len(rows)), Bounds(**arrays) if arrays else None)
for query in queries:
    rank(matrix, query, {K}, threshold={THRESHOLD})
    rank(matrix, query, {K})
print(int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


def _table(contenders: list[Contender], count: int) -> str:
    lines = [
        f"### {count:,} rows",
        "",
        "| | median ms | p95 ms | median / full scan | p95 / full scan | recall | identical "
        "| build s | MiB beside the rows |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    return "\n".join(lines + [_line(contender, contenders[0]) for contender in contenders])


def _line(contender: Contender, scan: Contender) -> str:
    median, p95 = np.percentile(contender.seconds, [50, 95])
    scan_median, scan_p95 = np.percentile(scan.seconds, [50, 95])
    return (
        f"| {contender.name} | {1000 * median:.2f} | {1000 * p95:.2f} "
        f"| {median / scan_median:.3f} | {p95 / scan_p95:.2f} | {np.mean(contender.recalls):.4f} "
        f"| {contender.identical} of {len(contender.seconds)} "
        f"| {contender.build_seconds:.1f} | {contender.mebibytes:,.0f} |"
    )


def _setting(options: argparse.Namespace, queries: int) -> str:
    return (
        f"`python benchmarks/ranking.py {options.photos.name}`: the {K} best of {queries} queries, "
        f"one at a time and all contenders in turns. {machine()} Vectors: see "
        f"`benchmarks/vectors.py`; {EMBEDDED:,} of a larger catalog are of real pieces of photos, "
        "the others means of two of these. A fifth of the queries is unlike anything in the "
        "catalog."
    )


if __name__ == "__main__":
    main()
