"""The searchable catalog in memory: segments of products with their vectors, ranked as one corpus.

A segment has products in the order of their ids, with their pictures and vectors, as columns.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from search.ranking import (
    Labelled,
    Mask,
    Matrix,
    Positions,
    Ranking,
    Scan,
    Tuning,
    best_first,
    rank_many,
    rows_of,
    score_items,
)

Ids = NDArray[np.int64]
Vector = NDArray[np.float32]  # (dim,)
PictureKey = tuple[int, int]  # product id, and photo id or 0 for the product's own picture
Number = TypeVar("Number", np.int8, np.int64, np.float64)

# Snapshots have positions in this list, so add to its end.
AVAILABILITIES = ("in_stock", "out_of_stock", "preorder", "backorder")


@dataclass(frozen=True, slots=True)
class Row:
    """A picture and its vector.

    Rows are compared without the vector: the same revision means the same vector.
    """

    photo: int  # id of a ProductPhoto, 0 for the product's own picture
    image: int  # `image_key`
    revision: int
    vector: Vector = field(compare=False)


@dataclass(frozen=True, slots=True)
class Item:
    """A product and its pictures, at least one."""

    product: int
    category: int
    price: float  # the selling price
    availability: int  # `availability_code`
    group: int  # `group_key`
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Segment:
    """Products in the order of their ids. Items are products, rows their pictures."""

    matrix: Matrix
    photos: Ids  # (n,), as `Row.photo`
    images: Ids  # (n,)
    revisions: Ids  # (n,)
    products: Ids  # (items,), ids, rising
    categories: Ids  # (items,), ids
    prices: NDArray[np.float64]  # (items,)
    availabilities: NDArray[np.int8]  # (items,), `availability_code`s
    groups: Ids  # (items,), `group_key`s

    @cached_property
    def distinct_groups(self) -> tuple[Ids, Positions]:
        """The different groups, rising, and the position of each item's group (items,) there."""
        return np.unique(self.groups, return_inverse=True)

    def between(self, low: int, high: int) -> slice:
        """The positions of the products with low <= id < high."""
        first, last = np.searchsorted(self.products, (low, high))
        return slice(int(first), int(last))

    def items(self, which: slice) -> list[Item]:
        """These items as objects; their vectors are views of the matrix."""
        edges = self._edges(which).tolist()
        columns = (column[which].tolist() for column in self._columns)
        rows = [tuple(map(self._row, range(*span))) for span in pairwise(edges)]
        return list(map(Item, *columns, rows))

    def part(self, which: slice) -> "Segment":
        """These items as a segment without bounds; only their starts are copied."""
        edges = self._edges(which)
        rows = slice(int(edges[0]), int(edges[-1]))
        return Segment(
            Matrix(self.matrix.rows[rows], edges[:-1] - edges[0]),
            self.photos[rows],
            self.images[rows],
            self.revisions[rows],
            *(column[which] for column in self._columns),
        )

    @property
    def _columns(self) -> tuple[NDArray[Any], ...]:
        """The columns of items, in the order of `Item`."""
        return self.products, self.categories, self.prices, self.availabilities, self.groups

    def _edges(self, which: slice) -> Positions:
        """The first row of each of these items, and the end of the last one's rows."""
        starts = self.matrix.starts
        end = starts[which.stop] if which.stop < len(starts) else len(self.photos)
        return np.append(starts[which], end)

    def _row(self, row: int) -> Row:
        return Row(
            int(self.photos[row]),
            int(self.images[row]),
            int(self.revisions[row]),
            self.matrix.rows[row],
        )


def image_key(name: str) -> int:
    """A 64-bit hash of a stored picture's name, which contains its digest; 0 for no picture."""
    return _hash(name, b"") if name else 0


def availability_code(value: str) -> int:
    """The position among AVAILABILITIES, that of "in_stock" for an unknown value."""
    return AVAILABILITIES.index(value) if value in AVAILABILITIES else 0


def group_key(product: int, group: str, image: str) -> int:
    """A 64-bit number that products share which searches collapse into one.

    These are products of the same group and, of those without one, products with the very same
    picture of their own. Any two of a million different groups or pictures share a key with a
    probability of 3e-8 (n**2 / 2**65).
    """
    return _hash(group, b"group") if group else image_key(image) or -product


def _hash(text: str, kind: bytes) -> int:
    digest = blake2b(text.encode(), digest_size=8, person=kind).digest()
    return int.from_bytes(digest, "little", signed=True)


def places_among(ids: Ids, wanted: Ids) -> Positions:
    """The position of each wanted id among rising ids, -1 for one that is missing."""
    if not len(ids):
        return np.full(wanted.shape, -1)
    places = np.searchsorted(ids, wanted).clip(max=len(ids) - 1)
    return np.where(ids[places] == wanted, places, -1)


def segment_of(items: Sequence[Item], dim: int) -> Segment:
    """These items, in ascending order of product id, as a segment without bounds."""
    rows = [row for item in items for row in item.rows]
    lengths = np.array([len(item.rows) for item in items], np.intp)
    vectors = np.empty((len(rows), dim), np.float32)
    for position, row in enumerate(rows):
        vectors[position] = row.vector
    return Segment(
        Matrix(vectors, np.cumsum(lengths) - lengths),
        _ids(row.photo for row in rows),
        _ids(row.image for row in rows),
        _ids(row.revision for row in rows),
        _ids(item.product for item in items),
        _ids(item.category for item in items),
        np.fromiter((item.price for item in items), np.float64),
        np.fromiter((item.availability for item in items), np.int8),
        _ids(item.group for item in items),
    )


def _ids(numbers: Iterable[int]) -> Ids:
    return np.fromiter(numbers, np.int64)


@dataclass(frozen=True)
class IndexCorpus:
    """The catalog at one moment; implements `search.engines.Corpus`, which describes the methods.

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
        return len(self.products) - len(self.dead)

    @cached_property
    def products(self) -> Ids:
        return _joined(self.base.products, self.overlay.products)

    @cached_property
    def categories(self) -> Ids:
        return _joined(self.base.categories, self.overlay.categories)

    @cached_property
    def prices(self) -> NDArray[np.float64]:
        return _joined(self.base.prices, self.overlay.prices)

    @cached_property
    def availabilities(self) -> NDArray[np.int8]:
        return _joined(self.base.availabilities, self.overlay.availabilities)

    @cached_property
    def groups(self) -> Ids:
        return _joined(self.base.groups, self.overlay.groups)

    @cached_property
    def group_numbers(self) -> Positions:
        """Numbers the groups of the base once, and then those that only the overlay has."""
        keys, of_base = self.base.distinct_groups
        places = places_among(keys, self.overlay.groups)
        new = places < 0
        places[new] = len(keys) + np.unique(self.overlay.groups[new], return_inverse=True)[1]
        return _joined(of_base, places)

    @cached_property
    def live(self) -> Mask:
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
        return len(self.base.photos) + len(self.overlay.photos)

    def rank(
        self, vector: Vector, k: int, *, threshold: float = -1.0, mask: Mask | None = None
    ) -> Ranking:
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
        base, overlay = self._matrices
        return IndexScan(self, Scan(base, vector), Scan(overlay, vector))

    def score_items(
        self, vector: Vector, items: Positions
    ) -> tuple[NDArray[np.float64], Positions]:
        split, rows = len(self.base.products), len(self.base.photos)
        scores, best = np.empty(len(items)), np.empty(len(items), np.intp)
        old = items < split
        scores[old], best[old] = score_items(self.base.matrix, vector, items[old])
        scores[~old], new = score_items(self.overlay.matrix, vector, items[~old] - split)
        best[~old] = new + rows
        return scores, best

    def rows_of(self, items: Positions) -> tuple[Positions, Positions]:
        return rows_of(self.starts, self.row_count, items)

    def pictures(self, rows: Positions) -> tuple[Ids, Ids]:
        photos, images = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        for segment, here, places in self._split(rows):
            photos[here], images[here] = segment.photos[places], segment.images[places]
        return photos, images

    def vectors(self, rows: Positions) -> NDArray[np.float32]:
        vectors = np.empty((len(rows), self.base.matrix.rows.shape[1]), np.float32)
        for segment, here, places in self._split(rows):
            vectors[here] = segment.matrix.rows[places]
        return vectors

    def with_tuning(self, tuning: Tuning | None) -> "IndexCorpus":
        return replace(self, tuning=tuning)

    def merged(
        self, base: Ranking, overlay: Ranking, k: int, groups: Positions | None = None
    ) -> Ranking:
        """The ranking of the corpus from those of its segments."""
        items = np.concatenate([base.items, overlay.items + len(self.base.products)])
        keys = np.concatenate([base.keys, overlay.keys])
        of_items = None if groups is None else groups[items]
        best = best_first(keys, self.products[items], k, groups=of_items)
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

    def rank(
        self,
        k: int,
        *,
        threshold: float = -1.0,
        mask: Mask | None = None,
        groups: Positions | None = None,
    ) -> Ranking:
        live, split = self.corpus.live, len(self.corpus.base.products)
        mask = live if mask is None else live & mask
        of_base, of_overlay = (None, None) if groups is None else (groups[:split], groups[split:])
        base = self.base.rank(k, threshold=threshold, mask=mask[:split], groups=of_base)
        overlay = self.overlay.rank(k, threshold=threshold, mask=mask[split:], groups=of_overlay)
        return self.corpus.merged(base, overlay, k, groups)


def _joined(base: NDArray[Number], overlay: NDArray[Number]) -> NDArray[Number]:
    return np.concatenate([base, overlay]) if len(overlay) else base
