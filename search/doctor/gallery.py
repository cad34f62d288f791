"""All pictures that search can show, product by product."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from catalog.models import Product, ProductPhoto
from search.engines import Corpus
from search.index.segments import Ids, image_key
from search.ranking import Positions

CHUNK = 500  # names to a query

Found = tuple[Ids, NDArray[np.float64]]  # (<= k,) ids of products, best first, and their scores


@dataclass(frozen=True)
class Gallery:
    """The products of a corpus in the order of their ids, and their pictures, one after another."""

    corpus: Corpus
    items: Positions  # (n,), of the corpus

    @cached_property
    def products(self) -> Ids:
        """(n,), ids, rising."""
        return self.corpus.products[self.items]

    @cached_property
    def categories(self) -> Ids:
        """(n,), ids."""
        return self.corpus.categories[self.items]

    @cached_property
    def starts(self) -> Positions:
        """(n,), where the pictures of each product start."""
        lengths = self._lengths[self.items]
        return np.cumsum(lengths) - lengths

    @cached_property
    def owners(self) -> Positions:
        """(m,), whose picture each is."""
        return np.repeat(np.arange(len(self.items)), self._lengths[self.items])

    @cached_property
    def rows(self) -> Positions:
        """(m,), of the corpus."""
        shifts = self.corpus.starts[self.items] - self.starts
        return np.arange(len(self.owners)) + shifts[self.owners]

    @cached_property
    def photos(self) -> Ids:
        """(m,), ids of photos, 0 for a product's own picture."""
        return self.corpus.pictures(self.rows)[0]

    @cached_property
    def images(self) -> Ids:
        """(m,), keys of the stored pictures."""
        return self.corpus.pictures(self.rows)[1]

    @cached_property
    def fingerprints(self) -> Ids:
        """(n,), numbers that change with any of a product's pictures."""
        sums: Ids = np.add.reduceat(self.images, self.starts) if len(self.items) else self.images
        return sums

    def pictures(self, products: Positions) -> Positions:
        """The pictures of some products, one product after another."""
        lengths = self._lengths[self.items[products]]
        shifts = self.starts[products] - (np.cumsum(lengths) - lengths)
        pictures: Positions = np.arange(lengths.sum()) + np.repeat(shifts, lengths)
        return pictures

    def vectors(self, pictures: Positions) -> NDArray[np.float32]:
        """Those of some pictures, (len(pictures), dim)."""
        return self.corpus.vectors(self.rows[pictures])

    def names(self, pictures: Positions) -> dict[int, str]:
        """The stored names of these pictures, without those that were replaced meanwhile."""
        own = pictures[self.photos[pictures] == 0]
        more = pictures[self.photos[pictures] != 0]
        stored = _stored(Product, self.products[self.owners[own]], own)
        stored |= _stored(ProductPhoto, self.photos[more], more)
        return {
            picture: name
            for picture, name in stored.items()
            if image_key(name) == self.images[picture]
        }

    @cached_property
    def _lengths(self) -> Positions:
        return np.diff(self.corpus.starts, append=self.corpus.row_count)


def gallery_of(corpus: Corpus) -> Gallery:
    """The gallery of what can be found now."""
    items = np.flatnonzero(corpus.live)
    return Gallery(corpus, items[np.argsort(corpus.products[items])])


def nearest(corpus: Corpus, vectors: NDArray[np.float32], k: int) -> Iterator[Found]:
    """For each of the vectors (q, dim) the products most like it by plain cosine."""
    for ranking in corpus.with_tuning(None).rank_many(vectors, k):
        yield corpus.products[ranking.items], ranking.scores


def _stored(
    model: type[Product] | type[ProductPhoto], ids: Ids, pictures: Positions
) -> dict[int, str]:
    by_id = dict(zip(ids.tolist(), pictures.tolist(), strict=True))
    names: dict[int, str] = {}
    unread = iter(by_id)
    while chunk := list(islice(unread, CHUNK)):
        rows = model.objects.filter(pk__in=chunk).values_list("pk", "image")
        names |= {by_id[pk]: image for pk, image in rows if image}
    return names
