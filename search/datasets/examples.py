"""What a catalog has to learn from: pictures of products whose categories are known."""

from dataclasses import dataclass

import numpy as np

from search.index.corpus import Corpus
from search.index.segments import Ids, Segment
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
    rows = len(corpus.base.photos) + len(corpus.overlay.photos)
    if rows > MOST:
        count = len(items) * MOST // rows
        items = np.sort(np.random.default_rng(SEED).choice(items, count, replace=False))
    split = len(corpus.base.products)
    old = _examples(corpus.base, items[items < split])
    new = _examples(corpus.overlay, items[items >= split] - split)
    return Examples(
        np.concatenate([old.rows, new.rows]),
        np.concatenate([old.labels, new.labels]),
        np.concatenate([old.products, new.products]),
    )


def _examples(segment: Segment, items: Positions) -> Examples:
    rows, offsets = segment.matrix.rows_of(items)
    lengths = np.diff(offsets, append=len(rows))
    repeated = np.repeat(items, lengths)
    vectors = segment.matrix.rows[rows]
    return Examples(vectors, segment.categories[repeated], segment.products[repeated])
