"""The pool of a search: the products that the database found, ranked without most of their vectors.

Scores in half precision are known of all, and within HALF of the true ones. They leave open only
which products are the best, and what is at the threshold: for those the vectors are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from search.engines.candidates import HALF, Candidate, read_vectors
from search.index.corpus import IndexCorpus, IndexScan
from search.index.segments import Ids, Segment, Vector, image_key
from search.ranking import Mask, Matrix, Positions, Ranking, Scan, score_items

Doubles = NDArray[np.float64]

GONE = -2.0  # the score of a picture that has no usable vector any more
NO_IMAGE = -1  # equal to the key of no picture


@dataclass(frozen=True, kw_only=True)
class Pool(IndexCorpus):
    """The products that can be among the answers to a query, instead of all."""

    vector: Vector  # (dim,), the query
    searched: int
    scores: Doubles  # (rows,), exact where they are settled
    settled: Mask  # (rows,)

    def __len__(self) -> int:
        """How many products can be found."""
        return self.searched

    def scan(self, vector: Vector) -> IndexScan:
        """As `IndexCorpus.scan`, of the pool's own query."""
        base, overlay = self._matrices
        return IndexScan(self, PoolScan(self, base), Scan(overlay, vector))

    def score_items(self, vector: Vector, items: Positions) -> tuple[Doubles, Positions]:
        """As `search.ranking.score_items`, of the pool's own query."""
        self.settle(items)
        rows = self.best_rows[items]
        return self.scores[rows], rows

    def pictures(self, rows: Positions) -> tuple[Ids, Ids]:
        """As `IndexCorpus.pictures`; what is gone has a key that no picture has."""
        photos, images = super().pictures(rows)
        return photos, np.where(self.scores[rows] == GONE, NO_IMAGE, images)

    @property
    def best_rows(self) -> Positions:
        """Each item's row of the greatest score (items,)."""
        return np.lexsort((-self.scores, self._owners))[self.base.matrix.starts]

    def settle(self, items: Positions) -> None:
        """Score all rows of these items by the pictures' own vectors."""
        rows, _ = self.base.matrix.rows_of(items)
        rows = rows[~self.settled[rows]]
        products = self.products[self._owners[rows]].tolist()
        keys = list(zip(products, self.base.photos[rows].tolist(), strict=True))
        vectors = read_vectors(self.identity, len(self.vector), keys) if keys else {}
        known = np.array([key in vectors for key in keys], bool)
        self.settled[rows], self.scores[rows] = True, GONE
        if vectors:
            table = np.stack([vectors[key] for key in keys if key in vectors])
            matrix = Matrix(table, np.arange(len(table)))
            self.scores[rows[known]] = score_items(matrix, self.vector, matrix.starts)[0]

    @cached_property
    def _owners(self) -> Positions:
        """(rows,), the item of each."""
        is_start = np.zeros(len(self.scores), np.intp)
        is_start[self.base.matrix.starts] = 1
        return np.cumsum(is_start) - 1


class PoolScan(Scan):
    """A query's pass over its pool."""

    def __init__(self, pool: Pool, matrix: Matrix) -> None:
        super().__init__(matrix, pool.vector)
        self.pool = pool

    def rank(self, k: int, *, threshold: float = -1.0, mask: Mask | None = None) -> Ranking:
        """As `search.ranking.rank`."""
        self.pool.settle(np.flatnonzero(np.abs(self._best - threshold) <= HALF))
        matched = self._best >= threshold
        near = self._promising(np.flatnonzero(matched if mask is None else matched & mask), k)
        self.pool.settle(near)
        scores = self._best
        matched = scores >= threshold
        near = near[matched[near]]
        keys = self._order.exact_keys(scores[near], near)
        best = np.lexsort((near, -keys))[:k]
        items = near[best]
        return Ranking(items, self.pool.best_rows[items], scores[items], keys[best], matched)

    @property
    def _best(self) -> Doubles:
        return self.pool.scores[self.pool.best_rows]

    def _promising(self, items: Positions, k: int) -> Positions:
        """Those of the items that can be among the `k` best."""
        if k >= len(items):
            return items
        keys = self._order.exact_keys(self._best[items], items)
        margin = 2 * self._order.rounding_error(HALF)
        promising: Positions = items[keys >= np.partition(keys, -k)[-k] - margin]
        return promising


def segment_of(candidates: Sequence[Candidate]) -> Segment:
    """The candidates, by product and photo, as a segment without vectors."""
    columns = [(*one[:2], image_key(one.image), one.category, one.price) for one in candidates]
    rows = np.array(columns, "i8, i8, i8, i8, f8")
    products, photos, images, categories, prices = (rows[name] for name in rows.dtype.names or ())
    starts = np.flatnonzero(np.diff(products, prepend=0))
    return Segment(
        Matrix(np.empty((len(rows), 0), np.float32), starts),
        photos,
        images,
        np.zeros(len(rows), np.int64),
        products[starts],
        categories[starts],
        prices[starts],
    )
