"""Made-up catalogs: a cloud of vectors for each category."""

from collections.abc import Sequence

import numpy as np

from search.datasets.copies import Copies
from search.datasets.examples import Examples
from tests.search.vectors import units

DIM = 48


def catalog(counts: Sequence[int], *, apart: float, photos: int = 1, seed: int = 0) -> Examples:
    """So many products in categories 1, 2, ..., each with its photos; `apart` tells how distinct.

    Categories differ in eight of the numbers only; products mostly in the others.
    """
    middles = np.random.default_rng(1).normal(size=(len(counts), DIM)) * (np.arange(DIM) < 8)
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(1, len(counts) + 1), counts)
    products = apart * middles[labels - 1] + random.normal(size=(len(labels), DIM))
    rows = np.repeat(products, photos, axis=0)
    rows += 0.2 * random.normal(size=rows.shape)
    ids = 100 + np.arange(len(labels))
    return Examples(units(rows), np.repeat(labels, photos), np.repeat(ids, photos))


def changed(examples: Examples, *, by: float = 0.05, seed: int = 0) -> Copies:
    """Two changed copies of each product's first picture."""
    random = np.random.default_rng(seed)
    originals = np.repeat(examples.rows[examples.starts], 2, axis=0)
    vectors = units(originals + by * random.normal(size=originals.shape))
    products = np.repeat(examples.products[examples.starts], 2)
    return Copies(vectors, originals, products, np.resize(["dark", "blurred"], len(products)))
