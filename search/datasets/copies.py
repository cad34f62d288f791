"""Changed copies of the catalog's photos: what a shopper may send to find the same product."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from catalog.pictures.gate import InvalidImage, encode_image, open_image
from catalog.pictures.stored import image_limits
from search.datasets.changes import CHANGES, Changes
from search.datasets.examples import SEED
from search.index.corpus import Ids
from search.queries.query import look
from search.ranking import Mask
from search.ranking.bounds import Vectors

logger = logging.getLogger(__name__)

JPEG_QUALITY = 90  # of a shopper's photo
THREADS = 2


@dataclass(frozen=True)
class Copies:
    """Copies of photos, each changed in one way and embedded like a shopper's photo."""

    vectors: Vectors  # (m, dim), unit rows
    originals: Vectors  # (m, dim), unit rows, of the unchanged photos
    products: Ids  # (m,), ids
    changes: NDArray[np.str_]  # (m,), names

    @property
    def shifts(self) -> Vectors:
        """How far the changes moved the vectors, (m, dim)."""
        return self.vectors - self.originals

    def only(self, which: Mask) -> "Copies":
        """The copies for which the mask (m,) is True."""
        return Copies(*(column[which] for column in vars(self).values()))


def changed_copies(
    products: Sequence[int], embedder: Embedder, *, seed: int = SEED
) -> Iterator[Copies]:
    """A copy by each change, product by product (ids); unreadable pictures are left out."""
    changes: Changes = {**CHANGES, "none": lambda picture, _: picture}

    def copies_of(product: Product) -> Copies | None:
        picture = picture_of(product, embedder)
        if picture is None:
            return None
        changed = (
            change(picture, np.random.default_rng((seed, product.pk, number)))
            for number, change in enumerate(changes.values())
        )
        vectors = np.stack([look("", as_sent(each), embedder).vector for each in changed])
        count = len(CHANGES)
        return Copies(
            vectors[:-1],
            np.repeat(vectors[-1:], count, axis=0),
            np.repeat(product.pk, count),
            np.array(list(CHANGES)),
        )

    pictured = Product.objects.exclude(image="").in_bulk(products).values()
    with ThreadPoolExecutor(THREADS) as readers:
        yield from filter(None, readers.map(copies_of, pictured))


def joined(parts: Iterable[Copies], dim: int) -> Copies:
    """All copies as one."""
    vectors = np.empty((0, dim), np.float32)
    nothing = Copies(vectors, vectors, np.empty(0, np.int64), np.empty(0, np.str_))
    columns = zip(*(vars(part).values() for part in (nothing, *parts)), strict=True)
    return Copies(*map(np.concatenate, columns))


def picture_of(product: Product, embedder: Embedder) -> Image.Image | None:
    """A product's own picture at twice the size that the embedder needs, None if unreadable.

    Changes such as cropping then still leave as much detail as a shopper's photo has.
    """
    try:
        with product.image.storage.open(str(product.image.name)) as file:
            return open_image(file.read(), limits=image_limits(), at_least=2 * embedder.detail)
    except (InvalidImage, OSError):
        logger.warning("The picture of product %d cannot be read.", product.pk)
        return None


def as_sent(picture: Image.Image) -> bytes:
    """The picture as a shopper's JPEG."""
    return encode_image(picture, longest_side=max(picture.size), quality=JPEG_QUALITY)
