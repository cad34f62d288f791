"""Changed copies of some of the catalog's photos: what a shopper may send for the same product."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from search.evaluation.changes import CHANGES
from search.evaluation.same_product import as_sent, pictures_of
from search.index.segments import Ids
from search.queries import look
from search.ranking import Mask
from search.ranking.bounds import Vectors
from search.tuning.examples import SEED, Examples

PHOTOS = 100
READERS = 2  # threads


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
        return Copies(*(getattr(self, field.name)[which] for field in fields(self)))


def changed_copies(examples: Examples, embedder: Embedder) -> Iterator[Copies]:
    """The copies of one product's photo after the other; photos that can't be read are left out."""
    random = np.random.default_rng(SEED)
    products = np.unique(examples.products)
    some = random.choice(products, min(PHOTOS, len(products)), replace=False).tolist()
    with ThreadPoolExecutor(READERS) as readers:
        yield from readers.map(partial(_copies, embedder=embedder), pictures_of(some, embedder))


def joined(parts: list[Copies], dim: int) -> Copies:
    """All copies as one."""
    nothing = np.empty((0, dim), np.float32)
    return Copies(
        np.concatenate([nothing, *(part.vectors for part in parts)]),
        np.concatenate([nothing, *(part.originals for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.products for part in parts)]),
        np.concatenate([np.empty(0, np.str_), *(part.changes for part in parts)]),
    )


def _copies(pictured: tuple[Product, Image.Image], embedder: Embedder) -> Copies:
    product, picture = pictured
    changed = [
        change(picture, np.random.default_rng((SEED, product.pk, number)))
        for number, change in enumerate(CHANGES.values())
    ]
    vectors = [look("", as_sent(photo), embedder).vector for photo in (picture, *changed)]
    return Copies(
        np.stack(vectors[1:]),
        np.repeat(vectors[:1], len(changed), axis=0),
        np.full(len(changed), product.pk),
        np.array(list(CHANGES)),
    )
