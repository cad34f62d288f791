"""How fast, and in how much memory, does a catalog get its vectors?

    python benchmarks/pipeline.py [PRODUCTS]

Makes products (5,000 unless told otherwise) of the demo's pictures, imports them into a folder
that is thrown away, and embeds them as `build_embeddings` does. In turns with that, the same
pictures are decoded and embedded with nothing around it: no claim, no database.
"""

import csv
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from PIL import Image, ImageEnhance, ImageOps
from shop import enter, new_shop
from vectors import ROOT

DEMO = sorted((ROOT / "fixtures" / "images").iterdir())
TURNS = 10  # of each, so that what else the machine does slows down both
MIB = 2**20


def main(products: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        embedder = os.environ.get("EMBEDDER", "efficientnet_lite0")
        enter(new_shop(Path(folder), EMBEDDER=embedder))
        _import(_catalog(Path(folder), products), products)
        _embed(products)


def _catalog(folder: Path, products: int) -> Path:
    """A CSV file of products, each with a picture of its own beside it."""
    file = folder / "products.csv"
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(["id", "name", "category", "image_url", "price"])
        for number in range(products):
            _varied(number).save(folder / f"{number}.jpg", quality=90)
            rows.writerow([number, f"Product {number}", "All", f"{number}.jpg", "9.99"])
    return file


def _varied(number: int) -> Image.Image:
    """A demo picture cropped, lit and perhaps mirrored in a way of its own."""
    chance = random.Random(number)  # noqa: S311, nothing secret
    with Image.open(DEMO[number % len(DEMO)]) as demo:
        width, height = demo.size
        left, top = chance.random() * 0.2 * width, chance.random() * 0.2 * height
        picture = demo.crop((int(left), int(top), int(left + 0.8 * width), int(top + 0.8 * height)))
    picture = ImageEnhance.Brightness(picture).enhance(0.8 + 0.4 * chance.random())
    return ImageOps.mirror(picture) if chance.random() < 0.5 else picture


def _import(catalog: Path, products: int) -> None:
    from catalog.importers import import_products
    from visualsearch.celery import app

    app.conf.task_always_eager = False  # workers embed the pictures, not the import
    results = import_products(catalog)
    for done, seconds in _in_turns(results, products):
        print(f"import {done:7,}: {done / seconds:6.0f} a second, {_memory():5.0f} MiB")


def _in_turns(items: Iterator[object], total: int) -> Iterator[tuple[int, float]]:
    """Use up the items in so many turns: how many there were up to each, in how many seconds."""
    done, seconds, size = 0, 0.0, -(-total // TURNS)
    while True:
        started = perf_counter()
        count = sum(1 for _ in islice(items, size))
        if not count:
            return
        done, seconds = done + count, seconds + perf_counter() - started
        yield done, seconds


def _embed(products: int) -> None:
    from catalog.embedding.batches import embed_pictures
    from catalog.models import Product
    from catalog.serving import serving_embedder

    embedder = serving_embedder()
    whole = _in_turns(embed_pictures(Product.objects.due(), embedder), products)
    alone = _in_turns(_decoded_and_embedded(embedder), products)
    for (done, seconds), (same, best) in zip(whole, alone, strict=True):
        share = (done / seconds) / (same / best)
        print(
            f"embed {done:8,}: {done / seconds:6.0f} a second, {same / best:6.0f} for decoding and"
            f" inference alone, ratio {share:.2f}, {_memory():5.0f} MiB"
        )
    ready = Product.objects.searchable(embedder.identity).count()
    print(f"{ready:,} of {products:,} products have their vector")


def _decoded_and_embedded(embedder: Any) -> Iterator[object]:
    """The same pictures' vectors, with as many threads, and nothing stored."""
    from catalog.embedding.batches import BATCH_PICTURES, DECODERS
    from catalog.models import Product
    from catalog.pictures.gate import open_image

    def pixels(product: Product) -> Any:
        data = Path(product.image.path).read_bytes()
        return embedder.pixels(open_image(data, at_least=embedder.detail))

    products = Product.objects.only("image").order_by("pk").iterator()
    with ThreadPoolExecutor(DECODERS) as decoders:
        ahead: list[Any] = []
        while batch := list(islice(products, BATCH_PICTURES)):
            decoding = [decoders.submit(pixels, product) for product in batch]
            for square in ahead:
                yield embedder.embed(square[None])
            ahead = [future.result() for future in decoding]
        for square in ahead:
            yield embedder.embed(square[None])


def _memory() -> float:
    """What of this process is in memory now, in MiB; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
