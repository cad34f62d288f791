"""Segments: products in the order of their ids, with their pictures and vectors, as columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from search.ranking import Matrix, Positions

Ids = NDArray[np.int64]
Vector = NDArray[np.float32]  # (dim,)
PictureKey = tuple[int, int]  # product id, and photo id or 0 for the product's own picture


@dataclass(frozen=True, slots=True)
class Row:
    """A picture and its vector. Two rows are equal if their vectors must be equal."""

    photo: int  # id of a ProductPhoto, 0 for the product's own picture
    image: int  # `image_key`
    revision: int
    vector: Vector = field(compare=False)


@dataclass(frozen=True, slots=True)
class Item:
    """A product and its pictures, at least one."""

    product: int
    category: int
    price: float
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

    def between(self, low: int, high: int) -> slice:
        """The positions of the products with low <= id < high."""
        first, last = np.searchsorted(self.products, (low, high))
        return slice(int(first), int(last))

    def items(self, which: slice) -> list[Item]:
        """These items as objects; their vectors are views of the matrix."""
        edges = self._edges(which).tolist()
        columns = (self.products[which], self.categories[which], self.prices[which])
        facts = zip(*(column.tolist() for column in columns), strict=True)
        spans = pairwise(edges)
        return [
            Item(product, category, price, tuple(map(self._row, range(*span))))
            for (product, category, price), span in zip(facts, spans, strict=True)
        ]

    def part(self, which: slice) -> "Segment":
        """These items as a segment without bounds; only their starts are copied."""
        edges = self._edges(which)
        rows = slice(int(edges[0]), int(edges[-1]))
        return Segment(
            Matrix(self.matrix.rows[rows], edges[:-1] - edges[0]),
            self.photos[rows],
            self.images[rows],
            self.revisions[rows],
            self.products[which],
            self.categories[which],
            self.prices[which],
        )

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
    digest = blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) if name else 0


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
    )


def _ids(numbers: Iterable[int]) -> Ids:
    return np.fromiter(numbers, np.int64)
