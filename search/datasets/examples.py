"""What a catalog has to learn from: pictures of products whose categories are known."""

from dataclasses import dataclass

import numpy as np

from search.engines import Corpus
from search.index.segments import Ids
from search.ranking import Mask, Positions
from search.ranking.bounds import Vectors

MOST = 20_000  # pictures; of more, as many products as have about so many
SEED = 0


@dataclass(frozen=True)
class Examples:
    """Pictures, one product's after another's."""

    rows: Vectors  # (n, dim), unit rows
    labels: Ids  # (n,), ids of categories
    products: Ids  # (n,), ids

    def only(self, which: Mask) -> "Examples":
        """Those of the n that are marked."""
        return Examples(*(column[which] for column in vars(self).values()))

    @property
    def starts(self) -> Positions:
        """Where each product's rows start."""
        return np.flatnonzero(np.diff(self.products, prepend=-1))


def examples_of(corpus: Corpus) -> Examples:
    """The pictures that are searched, or of very many those of products drawn at random."""
    items = np.flatnonzero(corpus.live)
    if corpus.row_count > MOST:
        count = len(items) * MOST // corpus.row_count
        items = np.sort(np.random.default_rng(SEED).choice(items, count, replace=False))
    rows, starts = corpus.rows_of(items)
    owners = np.repeat(items, np.diff(starts, append=len(rows)))
    return Examples(corpus.vectors(rows), corpus.categories[owners], corpus.products[owners])
