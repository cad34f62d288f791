"""Does a shopper's photo of a product find that product?"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from catalog.pictures.fields import image_limits
from catalog.pictures.gate import InvalidImage, encode_image, open_image
from search.datasets.changes import CHANGES, Changes
from search.engines import Corpus
from search.evaluation.outcomes import Orders, Outcome
from search.index.segments import image_key
from search.queries.query import Query, look
from search.ranking.measures import reciprocal_rank

logger = logging.getLogger(__name__)

PLACES = 100  # of a ranking that are looked at; what is further down counts as not found
SHOWN = 3  # of the products that came before
QUALITY = 90  # of a shopper's JPEG
COPIES = "same product"  # the kind of pair
READERS = 2  # threads


@dataclass(frozen=True)
class Copy:
    """A product's own picture, changed and looked at as a shopper's photo."""

    product: Product
    change: str
    query: Query


def changed_copies(
    products: Sequence[int], embedder: Embedder, *, seed: int, changes: Changes = CHANGES
) -> Iterator[list[Copy]]:
    """For each product (id) a copy by each change; pictures that can't be read are left out."""
    pictured = Product.objects.exclude(image="").in_bulk(products).values()
    copies_of = partial(_copies, embedder=embedder, seed=seed, changes=changes)
    with ThreadPoolExecutor(READERS) as readers:
        yield from filter(None, readers.map(copies_of, pictured))


def ask_for_products(copies: Iterable[Copy], orders: Orders) -> Iterator[Outcome]:
    """An outcome for each copy and order."""
    for copy in copies:
        for order, corpus_of in orders.items():
            yield _outcome(order, copy, corpus_of(copy.product.pk))


def picture_of(product: Product, embedder: Embedder) -> Image.Image | None:
    """A product's own picture in twice the detail that the embedder needs, None if unreadable.

    What is left of it after a change has enough then, as a shopper's photo has.
    """
    try:
        with product.image.storage.open(str(product.image.name)) as file:
            return open_image(file.read(), limits=image_limits(), at_least=2 * embedder.detail)
    except (InvalidImage, OSError):
        logger.warning("The picture of product %d can't be read.", product.pk)
        return None


def as_sent(picture: Image.Image) -> bytes:
    """The picture as a shopper's JPEG."""
    return encode_image(picture, longest_side=max(picture.size), quality=QUALITY)


def _copies(product: Product, *, embedder: Embedder, seed: int, changes: Changes) -> list[Copy]:
    picture = picture_of(product, embedder)
    if picture is None:
        return []
    copies = []
    for number, (name, change) in enumerate(changes.items()):
        changed = change(picture, np.random.default_rng((seed, product.pk, number)))
        copies.append(Copy(product, name, look(name, as_sent(changed), embedder)))
    return copies


def _outcome(order: str, copy: Copy, corpus: Corpus) -> Outcome:
    pk, vector = copy.product.pk, copy.query.vector
    ranking = corpus.rank(vector, PLACES)
    ids, images = corpus.products[ranking.items], corpus.pictures(ranking.rows)[1]
    # Another product with the very same picture is as good an answer.
    is_it = (ids == pk) | (images == image_key(str(copy.product.image.name)))
    values = {
        "first": float(is_it[:1].any()),
        "first_five": float(is_it[:5].any()),
        "reciprocal_rank": reciprocal_rank(is_it),
    }
    before = ids[~np.logical_or.accumulate(is_it)][:SHOWN].tolist()
    own = corpus.rank(vector, 1, mask=corpus.products == pk)
    return Outcome(order, pk, copy.change, values, before, {COPIES: own.scores.tolist()})
