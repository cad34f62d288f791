"""The demo catalog, imported and searched with the real network."""

from collections import Counter

import pytest

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from search.queries.query import query_by_photo, query_by_product
from search.service import Options, search
from tests.conftest import FIXTURES

QUERIES = sorted((FIXTURES / "queries").iterdir())


@pytest.mark.usefixtures("demo")
def test_every_query_photo_finds_its_product_first(embedder: Embedder) -> None:
    assert len(QUERIES) == 12
    for photo in QUERIES:
        query = query_by_photo(photo.read_bytes(), embedder)
        matches = search(query, Options()).matches
        assert matches, f"{photo.name} finds nothing at the default threshold"
        assert matches[0].product.sku == str(int(photo.name[:2])), photo.name


@pytest.mark.usefixtures("demo")
def test_nearest_neighbours_are_mostly_of_the_same_category(embedder: Embedder) -> None:
    same: Counter[str] = Counter()
    for product in Product.objects.select_related("category"):
        query = query_by_product(product.pk, embedder)
        matches = search(query, Options(threshold=0, limit=4)).matches
        same[product.category.name] += sum(
            match.product.category == product.category for match in matches
        )
    assert sum(same.values()) / (50 * 4) >= 0.8
    assert min(same.values()) / (10 * 4) >= 0.5, same
