"""Searches after hundreds of random changes, against a plain look at the database."""

from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import search.index.live
import search.index.reading
from catalog.models import Category, EmbeddingStatus, Product, ProductPhoto
from catalog.vectors import to_bytes
from search.engines import load_engine
from search.index import LiveIndex
from search.queries.query import Query
from search.service import Options
from search.service import search as find

IDENTITY, DIM = "plain-00000000", 96

Vector = NDArray[np.float32]
Found = list[tuple[int, float]]


class Shop:
    """A catalog of pictures that nobody has to look at: their vectors are drawn."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311
        self.numbers = np.random.default_rng(seed)
        self.centres = self.numbers.normal(size=(8, DIM)).astype(np.float32)
        self.categories = [Category.objects.create(name=f"Category {n}") for n in range(3)]

    def vector(self) -> Vector:
        """One near a few centres, and now and then the very centre, so that there are ties."""
        near = self.random.choice(self.centres)
        if self.random.random() > 0.1:
            near = near + self.numbers.normal(scale=0.4, size=DIM).astype(np.float32)
        unit: Vector = near / np.linalg.norm(near)
        return unit.astype(np.float32)

    def picture(self) -> dict[str, Any]:
        return {
            "image": f"{self.random.getrandbits(64):x}.jpg",
            "embedding": to_bytes(self.vector()),
            "embedder": IDENTITY,
            "embedding_status": EmbeddingStatus.READY,
        }

    def product(self) -> Product:
        return Product(
            sku=f"{self.random.getrandbits(64):x}",
            name="Mug",
            category=self.random.choice(self.categories),
            price=self.random.randint(1, 50),
            **self.picture(),
        )

    def change(self) -> None:
        """Something that happens in shops."""
        some = list(Product.objects.order_by("?").values_list("pk", flat=True)[:3])
        rows = Product.objects.filter(pk__in=some)
        photos = ProductPhoto.objects.filter(product__in=some)
        self.random.choice(
            [
                lambda: Product.objects.bulk_create([self.product() for _ in range(5)]),
                lambda: ProductPhoto.objects.bulk_create(
                    [ProductPhoto(product_id=pk, **self.picture()) for pk in some]
                ),
                lambda: rows.update(price=self.random.randint(1, 50)),
                lambda: rows.update(category=self.random.choice(self.categories)),
                lambda: rows.update(active=False),
                lambda: Product.objects.filter(active=False).update(active=True),
                lambda: [Product.objects.filter(pk=pk).update(**self.picture()) for pk in some],
                lambda: rows.update(embedding_status=EmbeddingStatus.PENDING, image="new.jpg"),
                lambda: rows.update(embedding=b"damaged"),
                lambda: photos.delete(),
                lambda: rows.delete(),
            ]
        )()


def expected(query: Vector, options: Options) -> Found:
    """What must be found, from the database and in double precision."""
    found = {}
    for model, product in ((Product, "pk"), (ProductPhoto, "product_id")):
        rows = model.objects.filter(embedding_status=EmbeddingStatus.READY)
        for pk, data in rows.values_list(product, "embedding"):
            if len(data) == 4 * DIM:
                row = np.frombuffer(data, "<f4").astype(np.float64)
                score = min(1.0, float((row * query.astype(np.float64)).sum()))
                found[pk] = max(score, found.get(pk, -1.0))
    products = Product.objects.filter(active=True, pk__in=found)
    if options.categories:
        products = products.filter(category__name__in=options.categories)
    if options.max_price is not None:
        products = products.filter(price__lte=options.max_price)
    good = [(pk, found[pk]) for pk in products.values_list("pk", flat=True)]
    return sorted(
        ((pk, score) for pk, score in good if score >= options.threshold),
        key=lambda pair: (-pair[1], pair[0]),
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.django_db
def test_finds_the_very_same_after_hundreds_of_changes(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search.index.live, "OVERLAY_ROWS", 20)
    monkeypatch.setattr(search.index.reading, "RANGE_IDS", 32)
    load_engine.cache_clear()
    shop = Shop(seed)
    Product.objects.bulk_create([shop.product() for _ in range(300)])
    for turn in range(120):
        for _ in range(shop.random.randint(1, 4)):
            shop.change()
        if turn % 30 == 29:
            LiveIndex(IDENTITY, DIM).compact()
        query = Query("q", IDENTITY, shop.vector())
        options = Options(
            threshold=shop.random.choice([-1.0, 0.3, 0.8]),
            limit=shop.random.choice([1, 12, 100]),
            categories=shop.random.choice([(), ("Category 1",), ("Category 0", "Category 2")]),
            max_price=shop.random.choice([None, 20]),
        )
        answer = find(query, options)
        wanted = expected(query.vector, options)
        assert answer.count == len(wanted)
        assert [(match.product.pk, match.score) for match in answer.matches] == [
            (pk, pytest.approx(score, abs=1e-12)) for pk, score in wanted[: options.limit]
        ]
