"""What does it cost to collapse variants, or to look for words, next to a plain search?

    python benchmarks/collapsed.py [PHOTOS] [--products 100000] [--pictures 10000] [--queries 50]

Fills a shop that is thrown away with groups of five variants, and searches it in all the ways in
turns. The pictures' vectors are real (see `vectors`; PHOTOS is the folder they are made from). A
group is the mean of two of them, weighted by chance, and each variant a mean of that and of another
picture. Times are those of the processor, so that what else the machine does matters little.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from report import machine, write_section
from shop import clerks, fill, new_shop
from vectors import ROOT, Vectors, catalog_vectors, query_vectors

VARIANTS = 5
WORDED = 100  # one product in so many has the word that is looked for


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder, clerks(new_shop(Path(folder))) as staff:
        staff.submit(_fill, options.photos, options.pictures, options.products).result()
        seconds = staff.submit(_measure, options.photos, options.queries).result()
    write_section(f"collapsed {options.products}", _report(options, seconds))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", nargs="?", type=Path, default=ROOT / "fixtures" / "images")
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=50)
    return parser.parse_args()


def _fill(photos: Path, pictures: int, products: int) -> None:
    from django.db.models import F, Value
    from django.db.models.functions import Cast, Concat

    from catalog.models import Product
    from catalog.serving import serving_embedder
    from search.index import LiveIndex

    fill(_variants(catalog_vectors(photos, pictures), products))
    number = Cast(F("pk") / VARIANTS, Product._meta.get_field("group"))
    Product.objects.update(group=Concat(Value("G"), number))
    Product.objects.filter(sku__endswith="7" * (len(str(WORDED)) - 1)).update(brand="Acme")
    embedder = serving_embedder()
    LiveIndex(embedder.identity, embedder.dim).compact()


def _variants(pictures: Vectors, count: int) -> Vectors:
    random = np.random.default_rng(0)
    one, two, three = random.integers(0, len(pictures), (3, count))
    groups = np.arange(count) // VARIANTS
    share = random.random(count).astype(np.float32)[groups, np.newaxis]
    rows = share * pictures[one[groups]] + (1 - share) * pictures[two[groups]]
    rows += 0.3 * pictures[three]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _measure(photos: Path, queries: int) -> dict[str, list[float]]:
    """Seconds of the processor for each query, by what was done."""
    from catalog.serving import serving_embedder
    from search.engines import corpus_for
    from search.queries.query import Query
    from search.service import Options, search

    embedder = serving_embedder()
    corpus = corpus_for(embedder.identity, embedder.dim)
    groups = corpus.group_numbers
    asked: dict[str, Options] = {}
    for name, options in {
        "at 0.7": Options(),
        "at 0.5": Options(threshold=0.5),
        "at 0.5, page 20": Options(threshold=0.5, page=20),
        "at any score": Options(threshold=-1.0),
        "at 0.5, by price": Options(threshold=0.5, ordering="price"),
        "at 0.5, words": Options(threshold=0.5, q="acme"),
    }.items():
        asked[f"search {name}"] = options
        asked[f"search {name}, collapsed"] = Options(**vars(options) | {"collapse": True})
    seconds: dict[str, list[float]] = {}
    for vector in query_vectors(photos, queries):
        for threshold in (-1.0, 0.5, 0.7):
            for suffix, given in (("", None), (", collapsed", groups)):
                _time(
                    seconds,
                    f"ranking at {threshold}{suffix}",
                    lambda threshold=threshold, given=given, vector=vector: corpus.scan(
                        vector
                    ).rank(12, threshold=threshold, groups=given),
                )
        query = Query("query", embedder.identity, vector)
        for name, options in asked.items():
            _time(seconds, name, lambda options=options, query=query: search(query, options))
    return seconds


def _time(seconds: dict[str, list[float]], name: str, work: Callable[[], Any]) -> None:
    started = process_time()
    work()
    seconds.setdefault(name, []).append(process_time() - started)


def _report(options: argparse.Namespace, seconds: dict[str, list[float]]) -> str:
    lines = [
        f"## Collapsed searches of {options.products:,} products",
        "",
        f"`python benchmarks/collapsed.py {options.photos.name} --products {options.products} "
        f"--pictures {options.pictures}`: {options.queries} queries, in turns, milliseconds of the "
        f"processor. {machine()}",
        "",
        "| | plain, median | collapsed, median | ratio of medians | ratio of sums |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in [name for name in seconds if not name.endswith(", collapsed")]:
        plain, collapsed = seconds[name], seconds[f"{name}, collapsed"]
        one, other = np.median(plain), np.median(collapsed)
        lines.append(
            f"| {name} | {1000 * one:.2f} | {1000 * other:.2f} | {other / one:.2f} "
            f"| {sum(collapsed) / sum(plain):.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
