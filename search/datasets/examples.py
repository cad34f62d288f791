"""Pictures of the catalog with the categories of their products."""

from dataclasses import dataclass

import numpy as np

from search.engines import Corpus
from search.index.corpus import Ids
from search.ranking import Mask, Positions
from search.ranking.bounds import Vectors

MAX_PICTURES = 20_000  # larger catalogs are sampled by product down to about this many
SEED = 0


@dataclass(frozen=True)
class Examples:
    """Pictures, product by product in the order of their ids."""

    rows: Vectors  # (n, dim), unit rows
    labels: Ids  # (n,), ids of categories
    products: Ids  # (n,), ids, rising

    def only(self, which: Mask) -> "Examples":
        """The examples for which the mask (n,) is True."""
        return Examples(*(column[which] for column in vars(self).values()))

    @property
    def starts(self) -> Positions:
        """The first row of each product."""
        return np.flatnonzero(np.diff(self.products, prepend=-1))

    def some_products(self, count: int) -> list[int]:
        """Ids of `count` products drawn at random, or of all if there are fewer."""
        return sample_of(np.unique(self.products), count)


def sample_of(ids: Ids, count: int, *, seed: int = SEED) -> list[int]:
    """Up to `count` of the ids, rising, the same ones for the same seed."""
    random = np.random.default_rng(seed)
    return sorted(random.choice(ids, min(count, len(ids)), replace=False).tolist())


def examples_of(corpus: Corpus) -> Examples:
    """The pictures that can be found, of a random sample of products if there are very many."""
    items = np.flatnonzero(corpus.live)
    if corpus.row_count > MAX_PICTURES:
        count = len(items) * MAX_PICTURES // corpus.row_count
        items = np.random.default_rng(SEED).choice(items, count, replace=False)
    items = items[np.argsort(corpus.products[items])]
    rows, starts = corpus.rows_of(items)
    owners = np.repeat(items, np.diff(starts, append=len(rows)))
    return Examples(corpus.vectors(rows), corpus.categories[owners], corpus.products[owners])
