"""What a search looks through: one state of the catalog, in two segments that are ranked as one."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from search.index.segments import Ids, Segment, Vector
from search.ranking import Labelled, Mask, Matrix, Positions, Ranking, Scan, Tuning, score_items

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True)
class Corpus:
    """The searchable catalog at one moment.

    The base is shared by all processes and mostly mapped from files; the overlay has what changed
    since. Items are counted through both: first all of the base, then those of the overlay.
    """

    identity: str  # the embedder's
    generation: int  # the same in every process that has the same catalog; below 2**32
    base: Segment
    dead: Positions  # items of the base that are gone, or that the overlay has anew
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
        """(items,), what can be found at all."""
        live = np.ones(len(self.products), bool)
        live[self.dead] = False
        return live

    def rank(
        self, query: Vector, k: int, *, threshold: float = -1.0, mask: Mask | None = None
    ) -> Ranking:
        """As `search.ranking.rank`; ties by product id, and only what is live."""
        return self.scan(query).rank(k, threshold=threshold, mask=mask)

    def scan(self, query: Vector) -> "CorpusScan":
        """A pass over the vectors, for all that is asked with this query."""
        base, overlay = self._matrices
        return CorpusScan(self, Scan(base, query), Scan(overlay, query))

    def score_items(self, query: Vector, items: Positions) -> tuple[NDArray[np.float64], Positions]:
        """As `search.ranking.score_items`."""
        split, rows = len(self.base.products), len(self.base.photos)
        scores, best = np.empty(len(items)), np.empty(len(items), np.intp)
        old = items < split
        scores[old], best[old] = score_items(self.base.matrix, query, items[old])
        scores[~old], new = score_items(self.overlay.matrix, query, items[~old] - split)
        best[~old] = new + rows
        return scores, best

    @cached_property
    def _matrices(self) -> tuple[Matrix, Matrix]:
        """Of base and overlay, with what the tuning has to know."""
        return self._tuned(self.base), self._tuned(self.overlay)

    def _tuned(self, segment: Segment) -> Matrix:
        if self.tuning is None:
            return segment.matrix
        labelled = Labelled(self.tuning, self.tuning.labels(segment.categories))
        return replace(segment.matrix, labelled=labelled)

    def pictures(self, rows: Positions) -> tuple[Ids, Ids]:
        """The photo ids and the image keys of these rows."""
        old = rows < len(self.base.photos)
        photos, images = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        photos[old], images[old] = self.base.photos[rows[old]], self.base.images[rows[old]]
        new = rows[~old] - len(self.base.photos)
        photos[~old], images[~old] = self.overlay.photos[new], self.overlay.images[new]
        return photos, images


@dataclass(frozen=True)
class CorpusScan:
    """A query's pass over both segments."""

    corpus: Corpus
    base: Scan
    overlay: Scan

    def rank(self, k: int, *, threshold: float = -1.0, mask: Mask | None = None) -> Ranking:
        """As `Corpus.rank`."""
        corpus = self.corpus
        mask = corpus.live if mask is None else corpus.live & mask
        split, rows = len(corpus.base.products), len(corpus.base.photos)
        base = self.base.rank(k, threshold=threshold, mask=mask[:split])
        new = self.overlay.rank(k, threshold=threshold, mask=mask[split:])
        items = np.concatenate([base.items, new.items + split])
        keys = np.concatenate([base.keys, new.keys])
        best = np.lexsort((corpus.products[items], -keys))[:k]
        return Ranking(
            items[best],
            np.concatenate([base.rows, new.rows + rows])[best],
            np.concatenate([base.scores, new.scores])[best],
            keys[best],
            np.concatenate([base.matched, new.matched]) & corpus.live,
        )


def _joined(base: NDArray[Number], overlay: NDArray[Number]) -> NDArray[Number]:
    return np.concatenate([base, overlay]) if len(overlay) else base
