"""What the pgvector engine ranks: all pictures of its table, or the pool of one query.

Scores in half precision are known of all pictures in a pool, and are within HALF_ERROR of the true
ones. That leaves open only which products are the best, and which reach the threshold: for those
the vectors are read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from search.engines import candidates
from search.engines.candidates import HALF_ERROR, Candidate
from search.index.corpus import (
    Ids,
    PictureKey,
    Segment,
    Vector,
    availability_code,
    group_key,
    image_key,
    places_among,
)
from search.ranking import (
    Labelled,
    Mask,
    Matrix,
    Positions,
    Ranking,
    Tuning,
    best_first,
    contenders,
    order_of,
    rank,
    rows_of,
    score_items,
)

Doubles = NDArray[np.float64]

EXACT = 5000  # ranks of a pool with exact scores; no search asks for more
GONE = -2.0  # the score of a picture that has no usable vector any more
NO_IMAGE = -1  # the image key of such a picture, which equals that of no other


class Pictures:
    """Pictures that can be found: their columns in memory, their vectors in the database."""

    def __init__(self, identity: str, dim: int, read: Callable[[], Sequence[Candidate]]) -> None:
        self._identity, self._dim, self._read = identity, dim, read

    @cached_property
    def found(self) -> Sequence[Candidate]:
        """The pictures, by product and photo, read when they are first needed."""
        return self._read()

    @cached_property
    def segment(self) -> Segment:
        """Their columns."""
        return candidate_segment(self.found)

    @cached_property
    def owners(self) -> Positions:
        """(rows,), the item of each row."""
        starts = self.segment.matrix.starts
        return np.repeat(np.arange(len(starts)), np.diff(starts, append=len(self.segment.photos)))

    @cached_property
    def row_of(self) -> dict[PictureKey, int]:
        """The row of each picture."""
        keys = self.keys(np.arange(len(self.owners)))
        return {key: row for row, key in enumerate(keys)}

    def keys(self, rows: Positions) -> list[PictureKey]:
        """The product and the photo of each of these rows."""
        products = self.segment.products[self.owners[rows]].tolist()
        return list(zip(products, self.segment.photos[rows].tolist(), strict=True))

    def vectors(self, rows: Positions) -> tuple[NDArray[np.float32], Mask]:
        """The vectors (len(rows), dim), zeros for a picture that has none; and who has one."""
        found = candidates.read_vectors(self._identity, self._dim, keys := self.keys(rows))
        vectors = np.zeros((len(keys), self._dim), np.float32)
        for place, key in enumerate(keys):
            if key in found:
                vectors[place] = found[key]
        return vectors, np.array([key in found for key in keys], bool)


@dataclass(frozen=True, kw_only=True)
class TableCorpus:
    """All pictures of the table; implements `search.engines.Corpus`, which describes the methods.

    It ranks as a search does: by the pictures that the database finds nearest. Where these are too
    few, for rankings that are deeper than any search shows, it compares all.
    """

    identity: str
    generation: int
    tuning: Tuning | None
    searched: int  # products
    listed: Pictures

    def __len__(self) -> int:
        return self.searched

    @property
    def products(self) -> Ids:
        return self.listed.segment.products

    @property
    def categories(self) -> Ids:
        return self.listed.segment.categories

    @property
    def prices(self) -> Doubles:
        return self.listed.segment.prices

    @property
    def availabilities(self) -> NDArray[np.int8]:
        return self.listed.segment.availabilities

    @property
    def groups(self) -> Ids:
        return self.listed.segment.groups

    @property
    def group_numbers(self) -> Positions:
        return self.listed.segment.distinct_groups[1]

    @property
    def live(self) -> Mask:
        """(items,), all True."""
        return np.ones(len(self.products), bool)

    @property
    def starts(self) -> Positions:
        return self.listed.segment.matrix.starts

    @property
    def row_count(self) -> int:
        return len(self.listed.segment.photos)

    @cached_property
    def labelled(self) -> Labelled | None:
        """The items as the tuning sees them."""
        return Labelled(self.tuning, self.tuning.labels(self.categories)) if self.tuning else None

    def rank(
        self, vector: Vector, k: int, *, threshold: float = -1.0, mask: Mask | None = None
    ) -> Ranking:
        return self.scan(vector).rank(k, threshold=threshold, mask=mask)

    def rank_many(
        self, vectors: NDArray[np.float32], k: int, *, mask: Mask | None = None
    ) -> list[Ranking]:
        return [self.rank(vector, k, mask=mask) for vector in vectors]

    def scan(self, vector: Vector) -> "TableScan | PoolScan":
        return TableScan(self, vector)

    def score_items(self, vector: Vector, items: Positions) -> tuple[Doubles, Positions]:
        rows, starts = self.rows_of(items)
        matrix = Matrix(self.vectors(rows), starts)
        scores, best = score_items(matrix, vector, np.arange(len(items)))
        return scores, rows[best]

    def rows_of(self, items: Positions) -> tuple[Positions, Positions]:
        return rows_of(self.starts, self.row_count, items)

    def pictures(self, rows: Positions) -> tuple[Ids, Ids]:
        return self.listed.segment.photos[rows], self.listed.segment.images[rows]

    def vectors(self, rows: Positions) -> NDArray[np.float32]:
        """As `Corpus.vectors`; zeros for a picture that was deleted meanwhile."""
        return self.listed.vectors(rows)[0]

    def with_tuning(self, tuning: Tuning | None) -> "TableCorpus":
        return replace(self, tuning=tuning)


class TableScan:
    """Rankings of the whole table by one vector; implements `search.engines.Scan`."""

    def __init__(self, corpus: TableCorpus, vector: Vector) -> None:
        self._corpus, self._vector = corpus, vector

    def rank(
        self,
        k: int,
        *,
        threshold: float = -1.0,
        mask: Mask | None = None,
        groups: Positions | None = None,
    ) -> Ranking:
        """As `Corpus.rank`, but only items within the mask count as matched."""
        corpus = self._corpus
        mask = corpus.live if mask is None else mask
        if np.count_nonzero(mask) <= candidates.POOL:
            return self._rank_few(np.flatnonzero(mask), k, threshold, groups)
        pool = self._nearest
        ranking = self._rank_pool(pool, k, threshold, mask, groups)
        is_cut_off = (
            pool.row_count >= candidates.POOL and pool.scores.min() >= threshold - HALF_ERROR
        )
        if len(ranking.items) < k and is_cut_off:
            return self._rank_pool(self._everything, k, threshold, mask, groups)
        return ranking

    @cached_property
    def _nearest(self) -> "Pool":
        found = candidates.read_nearest(
            self._corpus.identity, self._vector, searched=self._corpus.searched
        )
        return pool_of(found, self._vector, self._corpus)

    @cached_property
    def _everything(self) -> "Pool":
        found = candidates.compare_all(self._corpus.identity, self._vector)
        return pool_of(found, self._vector, self._corpus)

    def _rank_few(
        self, items: Positions, k: int, threshold: float, groups: Positions | None
    ) -> Ranking:
        """Rank some items by their vectors."""
        corpus = self._corpus
        rows, starts = corpus.rows_of(items)
        labelled = corpus.labelled
        if labelled is not None:
            labelled = replace(labelled, labels=labelled.labels[items])
        matrix = Matrix(corpus.vectors(rows), starts, labelled=labelled)
        of_items = None if groups is None else groups[items]
        few = rank(matrix, self._vector, k, threshold=threshold, groups=of_items)
        matched = np.zeros(len(corpus.products), bool)
        matched[items] = few.matched
        return replace(few, items=items[few.items], rows=rows[few.rows], matched=matched)

    def _rank_pool(
        self, pool: "Pool", k: int, threshold: float, mask: Mask, groups: Positions | None
    ) -> Ranking:
        """The ranking of a pool in the numbers of the corpus, without what is new in the pool."""
        corpus = self._corpus
        items = places_among(corpus.products, pool.products)
        is_known = items >= 0
        of_items = None if groups is None else groups[items]
        found = pool.scan(self._vector).rank(
            k, threshold=threshold, mask=is_known & mask[items], groups=of_items
        )
        row_of = corpus.listed.row_of
        rows = np.array([row_of.get(key, -1) for key in pool.listed.keys(found.rows)], np.intp)
        known = rows >= 0
        matched = np.zeros(len(corpus.products), bool)
        matched[items[found.matched & is_known & mask[items]]] = True
        return Ranking(
            items[found.items[known]], rows[known], found.scores[known], found.keys[known], matched
        )


@dataclass(frozen=True, kw_only=True)
class Pool(TableCorpus):
    """The pictures that can be among the answers to one query vector, instead of all."""

    vector: Vector  # (dim,)
    scores: Doubles  # (rows,), exact where they are settled
    settled: Mask  # (rows,)

    def scan(self, vector: Vector) -> "PoolScan":
        """A ranking by the pool's own vector."""
        if vector is not self.vector and not np.array_equal(vector, self.vector):
            raise ValueError("A pool holds the answers to its own query vector only.")
        return PoolScan(self)

    def score_items(self, vector: Vector, items: Positions) -> tuple[Doubles, Positions]:
        """As `search.ranking.score_items`, by the pool's own vector."""
        self.settle(items)
        rows = self.best_rows[items]
        return self.scores[rows], rows

    def pictures(self, rows: Positions) -> tuple[Ids, Ids]:
        """As `Corpus.pictures`; the image key of a picture without a vector is NO_IMAGE."""
        photos, images = super().pictures(rows)
        return photos, np.where(self.scores[rows] == GONE, NO_IMAGE, images)

    @property
    def best_rows(self) -> Positions:
        """Each item's row with the highest score (items,)."""
        return np.lexsort((-self.scores, self.listed.owners))[self.starts]

    def settle(self, items: Positions) -> None:
        """Replace the scores of these items by those of the pictures' own vectors."""
        rows, _ = self.rows_of(items)
        rows = rows[~self.settled[rows]]
        if not len(rows):
            return
        vectors, is_known = self.listed.vectors(rows)
        matrix = Matrix(vectors, np.arange(len(rows)))
        exact = score_items(matrix, self.vector, matrix.starts)[0]
        self.settled[rows], self.scores[rows] = True, np.where(is_known, exact, GONE)


class PoolScan:
    """A ranking of a pool; implements `search.engines.Scan`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._order = order_of(pool.labelled, pool.vector)

    def rank(
        self,
        k: int,
        *,
        threshold: float = -1.0,
        mask: Mask | None = None,
        groups: Positions | None = None,
    ) -> Ranking:
        """As `search.ranking.rank`; beyond the first EXACT, scores stay in half precision."""
        pool = self._pool
        pool.settle(np.flatnonzero(np.abs(self._best - threshold) <= HALF_ERROR))
        matched = self._best >= threshold
        eligible = np.flatnonzero(matched if mask is None else matched & mask)
        keys = self._order.exact_keys(self._best[eligible], eligible)
        margin = 2 * self._order.rounding_error(HALF_ERROR)
        of_items = None if groups is None else groups[eligible]
        near = eligible[contenders(keys, min(k, EXACT), margin=margin, groups=of_items)]
        pool.settle(near)
        scores = self._best
        matched = scores >= threshold
        near = near if k <= EXACT else eligible
        near = near[matched[near]]
        keys = self._order.exact_keys(scores[near], near)
        of_items = None if groups is None else groups[near]
        best = best_first(keys, near, k, groups=of_items)
        items = near[best]
        return Ranking(items, pool.best_rows[items], scores[items], keys[best], matched)

    @property
    def _best(self) -> Doubles:
        return self._pool.scores[self._pool.best_rows]


def pool_of(found: Sequence[Candidate], vector: Vector, corpus: TableCorpus) -> Pool:
    """The pool of what was found by a vector, in the order of a corpus."""
    return Pool(
        identity=corpus.identity,
        generation=corpus.generation,
        tuning=corpus.tuning,
        searched=corpus.searched,
        listed=Pictures(corpus.identity, len(vector), lambda: found),
        vector=vector,
        scores=np.array([-candidate.distance for candidate in found], np.float64),
        settled=np.zeros(len(found), bool),
    )


def candidate_segment(found: Sequence[Candidate]) -> Segment:
    """Pictures, by product and photo, as a segment without vectors."""
    columns = [
        (
            *one[:2],
            image_key(one.image),
            *(one.category, one.price, availability_code(one.availability)),
            group_key(one.product, one.group, one.own_image),
        )
        for one in found
    ]
    rows = np.array(columns, "i8, i8, i8, i8, f8, i1, i8")
    products, photos, images, *facts = (rows[name] for name in rows.dtype.names or ())
    starts = np.flatnonzero(np.diff(products, prepend=0))
    return Segment(
        Matrix(np.empty((len(rows), 0), np.float32), starts),
        photos,
        images,
        np.zeros(len(rows), np.int64),
        products[starts],
        *(column[starts] for column in facts),
    )
