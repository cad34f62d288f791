"""Which products an evaluation asks for: the same ones for the same catalog and seed."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from catalog.models import Product
from search.engines import Corpus

LEAST_PRODUCTS = 10  # of fewer, the first five are half the catalog
LEAST_CATEGORIES = 2


@dataclass(frozen=True)
class Sample:
    """Ids of products, rising; or a sentence on what the catalog lacks for them."""

    products: list[int]
    lack: str = ""


def pictured_products(corpus: Corpus, most: int, *, seed: int) -> Sample:
    """Products whose own picture can be found."""
    ids = _pictured(corpus)
    if len(ids) >= LEAST_PRODUCTS:
        return Sample(_some(ids, most, seed))
    return Sample(
        [],
        f"Same product is not measured: it needs {LEAST_PRODUCTS} products that can be searched, "
        f"and there are {len(ids)}.",
    )


def categorized_products(corpus: Corpus, most: int, *, seed: int) -> Sample:
    """Such products that are not alone in their category."""
    categories, sizes = np.unique(corpus.categories[corpus.live], return_counts=True)
    shared = categories[sizes > 1]
    if len(shared) >= LEAST_CATEGORIES:
        in_shared = corpus.products[corpus.live & np.isin(corpus.categories, shared)]
        return Sample(_some(np.intersect1d(_pictured(corpus), in_shared), most, seed))
    return Sample(
        [],
        f"Same kind is not measured: it needs {LEAST_CATEGORIES} categories with two products or "
        f"more that can be searched, and there are {len(shared)}.",
    )


def _pictured(corpus: Corpus) -> list[int]:
    """Ids of the corpus' products whose own picture has a vector, rising."""
    pictured = Product.objects.filter(active=True).exclude(image="").searchable(corpus.identity)
    ids = pictured.values_list("pk", flat=True)
    found: list[int] = np.intersect1d(corpus.products[corpus.live], list(ids)).tolist()
    return found


def _some(ids: Iterable[int], most: int, seed: int) -> list[int]:
    everything = np.array(ids, np.int64)
    random = np.random.default_rng(seed)
    some: list[int] = random.choice(everything, min(most, len(everything)), replace=False).tolist()
    return sorted(some)
