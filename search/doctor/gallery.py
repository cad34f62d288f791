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
    products: Ids  # (n,), ids, rising
    categories: Ids  # (n,), ids
    starts: Positions  # (n,), the first picture of each product
    rows: Positions  # (m,), of the corpus
    photos: Ids  # (m,), ids of photos, 0 for a product's own picture
    images: Ids  # (m,), keys of the stored pictures

    @cached_property
    def owners(self) -> Positions:
        """(m,), the product that each picture belongs to."""
        counts = np.diff(self.starts, append=len(self.rows))
        return np.repeat(np.arange(len(self.products)), counts)

    @cached_property
    def fingerprints(self) -> Ids:
        """(n,), numbers that change with any of a product's pictures."""
        sums: Ids = np.add.reduceat(self.images, self.starts) if len(self.starts) else self.images
        return sums

    def pictures(self, products: Positions) -> Positions:
        """The pictures of some products, one product after another."""
        return rows_of(self.starts, len(self.rows), products)[0]

    def vectors(self, pictures: Positions) -> NDArray[np.float32]:
        """Their vectors, (len(pictures), dim)."""
        return self.corpus.vectors(self.rows[pictures])

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
    items = items[np.argsort(corpus.products[items])]
    rows, starts = corpus.rows_of(items)
    photos, images = corpus.pictures(rows)
    return Gallery(
        corpus, corpus.products[items], corpus.categories[items], starts, rows, photos, images
    )
