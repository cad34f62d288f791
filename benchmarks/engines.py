"""Both engines on the same products: how fast do they answer, and how well?

    python tests/postgres.py python benchmarks/engines.py [PHOTOS] [--size 100000] [--queries 500]

Fills the database that DATABASE_URL names with products whose vectors are those of real pictures
(see `vectors`; PHOTOS is the folder they are made from), and asks `search.service.search`, of both
engines in turns, so that what else the machine does slows down each of them. The table is written
to `benchmarks/RESULTS.md`.
"""

import argparse
import os
import tempfile
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from report import machine, write_section
from shop import enter, fill, new_shop
from vectors import ROOT, STORE, Vectors, catalog_vectors, query_vectors

K = 20
ENGINES = ("numpy", "pgvector")


@dataclass
class Measured:
    """How an engine did with one kind of search."""

    seconds: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


def main() -> None:
    options = _options()
    rows = catalog_vectors(options.photos, options.size)
    with tempfile.TemporaryDirectory(dir=STORE) as folder:
        enter(new_shop(Path(folder), DATABASE_URL=os.environ.get("DATABASE_URL", "")))
        fill(rows)
        built = {engine: _build(engine) for engine in ENGINES}
        queries = query_vectors(options.photos, options.queries)
        shuffled = queries[np.random.default_rng(0).permutation(len(queries))]
        measured = {name: _ask(shuffled, wanted) for name, wanted in _kinds(len(rows)).items()}
    write_section("pgvector", _report(options, built, measured))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="?", type=Path, default=ROOT / "fixtures" / "images")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=500)
    return parser.parse_args()


def _build(engine: str) -> float:
    """How many seconds that took."""
    from django.conf import settings
    from django.db import connection

    from catalog.serving import serving_embedder
    from search.engines import get_engine

    settings.SEARCH_ENGINE, embedder = engine, serving_embedder()
    started = perf_counter()
    get_engine().build(embedder.identity, embedder.dim)
    seconds = perf_counter() - started
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return seconds


def _kinds(size: int) -> dict[str, Any]:
    """Kinds of searches."""
    from search.service import Options

    plain = Options(limit=K)
    everything = replace(plain, threshold=-1.0)
    cheap = {"min_price": Decimal(1), "max_price": Decimal(1) + Decimal(size // 100 - 1) / 100}
    return {
        "as shoppers search, at 0.70": plain,
        "at 0.50": replace(plain, threshold=0.5),
        "the nearest, without a threshold": everything,
        "among a hundredth, by price, without a threshold": replace(everything, **cheap),
    }


def _ask(queries: Vectors, options: Any) -> dict[str, Measured]:
    from django.conf import settings

    from catalog.serving import serving_embedder
    from search.queries.query import Query
    from search.service import search

    identity = serving_embedder().identity
    measured = {engine: Measured() for engine in ENGINES}
    for vector in queries:
        exact: list[int] = []
        for engine, found in measured.items():
            settings.SEARCH_ENGINE = engine
            started = perf_counter()
            answer = search(Query("benchmark", identity, vector), options)
            found.seconds.append(perf_counter() - started)
            ids = [match.product.pk for match in answer.matches]
            exact = exact or ids  # NumPy's, which come first
            found.recalls.append(np.isin(exact, ids).mean() if exact else 1.0)
            found.counts.append(answer.count)
    return measured


def _report(
    options: argparse.Namespace, built: dict[str, float], measured: dict[str, dict[str, Measured]]
) -> str:
    lines = [
        "## Engines",
        "",
        f"`python tests/postgres.py python benchmarks/engines.py {options.photos.name}`: whole "
        f"searches for {K} products among {options.size:,}, by {options.queries} queries, of both "
        f"engines in turns. {machine()} Building: NumPy {built['numpy']:.0f} s, pgvector "
        f"{built['pgvector']:.0f} s. Recall: of the {K} that NumPy finds, which are exact.",
        "",
        "| | engine | median ms | p95 ms | recall | least recall | median count | most |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, engines in measured.items():
        lines += [_line(name, engine, found) for engine, found in engines.items()]
    return "\n".join(lines)


def _line(name: str, engine: str, found: Measured) -> str:
    median, p95 = 1000 * np.percentile(found.seconds, [50, 95])
    return (
        f"| {name} | {engine} | {median:.1f} | {p95:.1f} | {np.mean(found.recalls):.4f} "
        f"| {min(found.recalls):.2f} | {np.median(found.counts):.0f} | {max(found.counts):,} |"
    )


if __name__ == "__main__":
    main()
