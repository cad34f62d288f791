"""Maps for pages to show."""

import numpy as np

from catalog.models import Category, Product
from catalog.serving import serving_embedder
from search.catalog_map import maps
from search.catalog_map.maps import CatalogMap, draw_map


def draw_all() -> None:
    """Draw the map of all products."""
    embedder = serving_embedder()
    assert draw_map(embedder.identity, embedder.dim)


def draw_many(count: int, image: str) -> None:
    """Create this many products with the same picture, and a map with a cluster per category."""
    names = [f"Category {i}" for i in range(10)]
    categories = Category.objects.bulk_create([Category(name=name) for name in names])
    products = [
        Product(
            sku=f"many-{i}", name=f"Product {i}", category=categories[i % 10], price=9, image=image
        )
        for i in range(count)
    ]
    ids = np.array([product.pk for product in Product.objects.bulk_create(products)])
    chance = np.random.default_rng(0)
    centres = chance.random((10, 2))
    places = centres[np.arange(count) % 10] + chance.normal(0, 0.07, (count, 2))
    maps.save_map(CatalogMap(1, "efficientnet_lite0-0", count, ids, places))
