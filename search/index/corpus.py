"""The searchable catalog in memory: one state of it, as two segments that are ranked as one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from search.index.segments import Ids, Segment, Vector
from search.ranking import (
    Labelled,
    Mask,
    Matrix,
    Positions,
    Ranking,
    Scan,
    Tuning,
    rank_many,
    rows_of,
    score_items,
)

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True)
class IndexCorpus:
    """The catalog at one moment; implements `search.engines.Corpus`.

    All processes share the base, which is mostly mapped from files. The overlay holds what changed
    since the base was written. Items and rows are numbered through both, the base first.
    """

    identity: str  # the embedder's
    generation: int  # the same in every process that has the same catalog; below 2**32
    base: Segment
    dead: Positions  # items of the base that are deleted, or replaced by one in the overlay
    overlay: Segment
    tuning: Tuning | None = None  # orders the results; without it their scores do

    def __len__(self) -> int:
        """How many products can be found."""
        return len(self.products) - len(self.dead)

    @cached_property
    def products(self) -> Ids:
        """(items,), ids."""
        return _joined(self.base.products, self.overlay.products)

    @cached_property
    def categories(self) -> Ids:
        """(items,), ids."""
        return _joined(self.base.categories, self.overlay.categories)

    @cached_property
    def prices(self) -> NDArray[np.float64]:
        """(items,)."""
        return _joined(self.base.prices, self.overlay.prices)

    @cached_property
    def live(self) -> Mask:
        """(items,), True for what can be found."""
        live = np.ones(len(self.products), bool)
        live[self.dead] = False
        return live

    @cached_property
    def starts(self) -> Positions:
        """(items,), the first row of each item; its rows end where those of the next item start."""
        base_rows = len(self.base.photos)
        return np.concatenate([self.base.matrix.starts, self.overlay.matrix.starts + base_rows])

    @property
    def row_count(self) -> int:
        """The number of rows, including those of dead items."""
        return len(self.base.photos) + len(self.overlay.photos)

    def rank(
        self, vector: Vector, k: int, *, threshold: float = -1.0, mask: Mask | None = None
    ) -> Ranking:
        """As `search.ranking.rank`, among live items; equal keys are ordered by product id."""
        return self.scan(vector).rank(k, threshold=threshold, mask=mask)

    def rank_many(
        self, vectors: NDArray[np.float32], k: int, *, mask: Mask | None = None
    ) -> list[Ranking]:
        """What `rank` gives for each of the vectors (m, dim), which share passes over the rows."""
        mask = self.live if mask is None else self.live & mask
        split = len(self.base.products)
        base, overlay = self._matrices
        rankings = zip(
            rank_many(base, vectors, k, mask=mask[:split]),
            rank_many(overlay, vectors, k, mask=mask[split:]),
            strict=True,
        )
        return [self.merged(of_base, of_overlay, k) for of_base, of_overlay in rankings]

    def scan(self, vector: Vector) -> "IndexScan":
        """One pass over the rows, for several rankings by the same vector."""
        base, overlay = self._matrices
        return IndexScan(self, Scan(base, vector), Scan(overlay, vector))

    def score_items(
        self, vector: Vector, items: Positions
    ) -> tuple[NDArray[np.float64], Positions]:
        """As `search.ranking.score_items`."""
        split, rows = len(self.base.products), len(self.base.photos)
        scores, best = np.empty(len(items)), np.empty(len(items), np.intp)
        old = items < split
        scores[old], best[old] = score_items(self.base.matrix, vector, items[old])
        scores[~old], new = score_items(self.overlay.matrix, vector, items[~old] - split)
        best[~old] = new + rows
        return scores, best

    def rows_of(self, items: Positions) -> tuple[Positions, Positions]:
        """As `search.ranking.rows_of`."""
        return rows_of(self.starts, self.row_count, items)

    def pictures(self, rows: Positions) -> tuple[Ids, Ids]:
        """The photo ids (len(rows),), 0 for a product's own picture, and the image keys."""
        photos, images = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        for segment, here, places in self._split(rows):
            photos[here], images[here] = segment.photos[places], segment.images[places]
        return photos, images

    def vectors(self, rows: Positions) -> NDArray[np.float32]:
        """The vectors (len(rows), dim) of these rows."""
        vectors = np.empty((len(rows), self.base.matrix.rows.shape[1]), np.float32)
        for segment, here, places in self._split(rows):
            vectors[here] = segment.matrix.rows[places]
        return vectors

    def with_tuning(self, tuning: Tuning | None) -> "IndexCorpus":
        """The same catalog in another order."""
        return replace(self, tuning=tuning)

    def merged(self, base: Ranking, overlay: Ranking, k: int) -> Ranking:
        """The ranking of the corpus from those of its segments."""
        items = np.concatenate([base.items, overlay.items + len(self.base.products)])
        keys = np.concatenate([base.keys, overlay.keys])
        best = np.lexsort((self.products[items], -keys))[:k]
        return Ranking(
            items[best],
            np.concatenate([base.rows, overlay.rows + len(self.base.photos)])[best],
            np.concatenate([base.scores, overlay.scores])[best],
            keys[best],
            np.concatenate([base.matched, overlay.matched]) & self.live,
        )

    def _split(self, rows: Positions) -> Iterable[tuple[Segment, Mask, Positions]]:
        """For each segment: which of the rows are in it, and where."""
        base_rows = len(self.base.photos)
        old = rows < base_rows
        return (self.base, old, rows[old]), (self.overlay, ~old, rows[~old] - base_rows)

    @cached_property
    def _matrices(self) -> tuple[Matrix, Matrix]:
        """The matrices of base and overlay, labelled for the tuning."""
        if self.tuning is None:
            return self.base.matrix, self.overlay.matrix
        labels = (self.tuning.labels(part.categories) for part in (self.base, self.overlay))
        base, overlay = (Labelled(self.tuning, of_part) for of_part in labels)
        return (
            replace(self.base.matrix, labelled=base),
            replace(self.overlay.matrix, labelled=overlay),
        )


@dataclass(frozen=True)
class IndexScan:
    """A query's pass over both segments; implements `search.engines.Scan`."""

    corpus: IndexCorpus
    base: Scan
    overlay: Scan

    def rank(self, k: int, *, threshold: float = -1.0, mask: Mask | None = None) -> Ranking:
        """As `IndexCorpus.rank`."""
        live, split = self.corpus.live, len(self.corpus.base.products)
        mask = live if mask is None else live & mask
        base = self.base.rank(k, threshold=threshold, mask=mask[:split])
        overlay = self.overlay.rank(k, threshold=threshold, mask=mask[split:])
        return self.corpus.merged(base, overlay, k)


def _joined(base: NDArray[Number], overlay: NDArray[Number]) -> NDArray[Number]:
    return np.concatenate([base, overlay]) if len(overlay) else base
