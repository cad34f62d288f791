"""All pictures that search can show, product by product."""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from catalog.models import Product, ProductPhoto
from search.engines import Corpus
from search.index.corpus import Ids, image_key
from search.ranking import Positions, rows_of

BATCH_NAMES = 500  # read by one query


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

    @property
    def starts(self) -> Positions:
        """(n,), the first picture of each product."""
        return self._rows[1]

    @cached_property
    def owners(self) -> Positions:
        """(m,), the product that each picture belongs to."""
        return np.repeat(np.arange(len(self.items)), np.diff(self.starts, append=len(self.rows)))

    @property
    def rows(self) -> Positions:
        """(m,), of the corpus."""
        return self._rows[0]

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
        return rows_of(self.starts, len(self.rows), products)[0]

    def vectors(self, pictures: Positions) -> NDArray[np.float32]:
        """Their vectors, (len(pictures), dim)."""
        return self.corpus.vectors(self.rows[pictures])

    @cached_property
    def _rows(self) -> tuple[Positions, Positions]:
        return self.corpus.rows_of(self.items)

    def names(self, pictures: Positions) -> dict[int, str]:
        """The stored names by picture; pictures that have been replaced meanwhile are left out."""
        own = pictures[self.photos[pictures] == 0]
        more = pictures[self.photos[pictures] != 0]
        names: dict[int, str] = {}
        for model, ids, some in (
            (Product, self.products[self.owners[own]], own),
            (ProductPhoto, self.photos[more], more),
        ):
            by_id = dict(zip(ids.tolist(), some.tolist(), strict=True))
            unread = iter(by_id)
            while batch := list(islice(unread, BATCH_NAMES)):
                rows = model.objects.filter(pk__in=batch).values_list("pk", "image")
                names |= {by_id[pk]: image for pk, image in rows if image}
        return {
            picture: name
            for picture, name in names.items()
            if image_key(name) == self.images[picture]
        }


def gallery_of(corpus: Corpus) -> Gallery:
    """The gallery of what can be found now."""
    items = np.flatnonzero(corpus.live)
    return Gallery(corpus, items[np.argsort(corpus.products[items])])
