"""Changed copies of some of the catalog's photos: what a shopper may send for the same product."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.embedders.runtime import Embedder
from search.datasets.changes import CHANGES, Changes
from search.datasets.examples import SEED, Examples
from search.evaluation import same_product
from search.index.segments import Ids
from search.ranking import Mask
from search.ranking.bounds import Vectors

PHOTOS = 100


@dataclass(frozen=True)
class Copies:
    """Copies of photos, each changed in one way."""

    vectors: Vectors  # (m, dim), unit rows
    originals: Vectors  # (m, dim), of the unchanged photos
    products: Ids  # (m,), ids
    changes: NDArray[np.str_]  # (m,), names

    @property
    def shifts(self) -> Vectors:
        """By how much the changes moved the vectors, (m, dim)."""
        return self.vectors - self.originals

    def only(self, which: Mask) -> "Copies":
        """Those of the m that are marked."""
        return Copies(*(column[which] for column in vars(self).values()))


def changed_copies(
    examples: Examples, embedder: Embedder, *, most: int | None = None
) -> Iterator[Copies]:
    """The copies of one product's photo after the other, of `most` or PHOTOS drawn at random.

    Photos that can't be read are left out.
    """
    products = np.unique(examples.products)
    count = min(most or PHOTOS, len(products))
    some = np.random.default_rng(SEED).choice(products, count, replace=False).tolist()
    changes: Changes = {**CHANGES, "none": lambda picture, _: picture}
    copied = same_product.changed_copies(some, embedder, seed=SEED, changes=changes)
    for *copies, original in copied:
        yield Copies(
            np.stack([copy.query.vector for copy in copies]),
            np.tile(original.query.vector, (len(copies), 1)),
            np.array([copy.product.pk for copy in copies]),
            np.array([copy.change for copy in copies]),
        )


def joined(parts: list[Copies], dim: int) -> Copies:
    """All copies as one."""
    nothing = np.empty((0, dim), np.float32)
    none = Copies(nothing, nothing, np.empty(0, np.int64), np.empty(0, np.str_))
    columns = zip(*(vars(part).values() for part in (none, *parts)), strict=True)
    return Copies(*map(np.concatenate, columns))
