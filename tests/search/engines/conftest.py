"""A shop with vectors of real pictures, which each engine searches."""

from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pytest
from django.db import connection
from numpy.typing import NDArray
from PIL import Image

from catalog.embedders.runtime import Embedder
from catalog.models import Category, EmbeddingStatus, Product, ProductPhoto
from catalog.vectors import to_bytes
from search.engines import candidates, get_engine
from search.queries.query import Query
from tests.conftest import FIXTURES

POSTGRES = connection.vendor == "postgresql"
# The small catalogs of tests are compared as a whole, unless FEW is less than any has; POOL then
# takes them in.
BY_GRAPH = "pgvector, by its graph"
ENGINES = ["numpy", "pgvector", BY_GRAPH] if POSTGRES else ["numpy"]
OF_POSTGRES = (
    "test_pools.py",
    "test_staff.py",
    "test_switch.py",
    "test_tables.py",
    "test_writers.py",
)
collect_ignore = [] if POSTGRES else [*OF_POSTGRES]

PRODUCTS, PIECES, QUERIES = 1000, 500, 50

Vectors = NDArray[np.float32]


@pytest.fixture(scope="session")
def vectors(embedder: Embedder) -> Vectors:
    """Unit rows (PRODUCTS + QUERIES, dim) of pieces of the demo's pictures.

    Half of the products' are means of two others, as pooling makes of a picture that shows both.
    """
    files = sorted((FIXTURES / "images").glob("*.jpg"))
    pictures = [Image.open(file).convert("RGB") for file in files]
    numbers = range(PIECES + QUERIES)
    pieces = [_piece(pictures[n % len(pictures)], Random(n)) for n in numbers]  # noqa: S311
    squares = np.stack([embedder.pixels(piece) for piece in pieces])
    rows = np.concatenate([embedder.embed(part) for part in np.array_split(squares, 20)])
    means = rows[:PIECES] + np.roll(rows[:PIECES], 7, axis=0)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return np.concatenate([rows[:PIECES], means, rows[PIECES:]])


@pytest.fixture(params=ENGINES)
def engine(request: Any, settings: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine in turn."""
    settings.SEARCH_ENGINE = request.param.split(",")[0]
    if request.param == BY_GRAPH:
        monkeypatch.setattr(candidates, "FEW", -1)
        monkeypatch.setattr(candidates, "POOL", PRODUCTS)
    return str(request.param)


@dataclass
class Shop:
    """A catalog of pictures that nobody has to look at, and its engine."""

    embedder: Embedder

    def stock(self, vectors: Vectors) -> list[Product]:
        """A product for each vector, in ten categories, the first for 1, the second for 2."""
        categories = [Category(name=f"Category {number}") for number in range(10)]
        Category.objects.bulk_create(categories)
        products = [
            Product(
                sku=str(number),
                name=f"Product {number}",
                category=categories[number % 10],
                price=number + 1,
                **self.picture(f"{number}.jpg", vector),
            )
            for number, vector in enumerate(vectors)
        ]
        Product.objects.bulk_create(products)
        self.build()
        return products

    def add_photo(self, product: Product, vector: Vectors) -> ProductPhoto:
        name = f"photo-{ProductPhoto.objects.count()}.jpg"
        photo = ProductPhoto.objects.create(product=product, **self.picture(name, vector))
        ProductPhoto.objects.filter(pk=photo.pk).update(embedding_status=EmbeddingStatus.READY)
        self.build()
        return photo

    def build(self) -> None:
        get_engine().build(self.embedder.identity, self.embedder.dim)

    def query(self, vector: Vectors) -> Query:
        return Query("query", self.embedder.identity, vector)

    def picture(self, name: str, vector: Vectors) -> dict[str, Any]:
        return {
            "image": name,
            "embedding": to_bytes(vector),
            "embedder": self.embedder.identity,
            "embedding_status": EmbeddingStatus.READY,
        }


@pytest.fixture
def shop(engine: str, embedder: Embedder) -> Shop:
    """An empty shop."""
    return Shop(embedder)


def _piece(picture: Image.Image, chance: Random) -> Image.Image:
    """A piece of a picture as somebody else might have taken it."""
    side = chance.uniform(0.4, 1)
    left, top = chance.uniform(0, 1 - side), chance.uniform(0, 1 - side)
    width, height = picture.size
    box = (left * width, top * height, (left + side) * width, (top + side) * height)
    piece = picture.resize((256, 256), box=box).rotate(chance.uniform(-15, 15))
    return piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if chance.random() < 0.5 else piece
