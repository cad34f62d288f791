"""What the database says of the pictures that search may show, without and with their vectors."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from django.db.models import Count, Sum
from numpy.typing import NDArray

from catalog.models import EmbeddedQuerySet, EmbeddingStatus, Product, ProductPhoto
from catalog.vectors import InvalidVector, from_bytes
from search.snapshots import image_key

logger = logging.getLogger(__name__)

CHUNK = 500  # vectors to a query

Key = tuple[int, int]  # product id, and photo id or 0 for the product's own picture
Vector = NDArray[np.float32]  # (dim,)
Vectors = NDArray[np.float32]  # (n, dim)
Fingerprint = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A picture of an active product."""

    key: Key
    revision: int
    image: int  # `image_key`
    category: int
    price: float
    is_current: bool  # whether its vector is of this picture and of the wanted embedder


def shown() -> tuple[EmbeddedQuerySet, EmbeddedQuerySet]:
    """The pictures of active products: their own, and their further photos."""
    products: EmbeddedQuerySet = Product.objects.filter(active=True)
    photos: EmbeddedQuerySet = ProductPhoto.objects.filter(product__active=True)
    return products.exclude(image=""), photos.exclude(image="")


def fingerprint() -> Fingerprint:
    """Numbers and sums of revisions of all shown pictures.

    Sums of random numbers tell sets of rows apart in whatever order their transactions committed.
    """
    products, photos = shown()
    own = products.order_by().aggregate(n=Count("pk"), sum=Sum("revision"))
    more = photos.order_by().aggregate(
        n=Count("pk"), sum=Sum("revision"), products=Sum("product__revision")
    )
    found = (own["n"], own["sum"], more["n"], more["sum"], more["products"])
    return tuple(number or 0 for number in found)


def read_facts(identity: str) -> tuple[list[Fact], Fingerprint]:
    """The facts on all shown pictures, product by product, and the fingerprint of just these."""
    products, photos = shown()
    columns = ("pk", "revision", "image", "embedding_status", "embedder")
    own = list(products.order_by("pk").values_list(*columns, "category_id", "price"))
    of_product = ("product__category_id", "product__price", "product_id", "product__revision")
    more = list(photos.order_by("position", "pk").values_list(*columns, *of_product))
    facts = [_fact(identity, (row[0], 0), row) for row in own]
    facts += [_fact(identity, (row[7], row[0]), row[:7]) for row in more]
    facts.sort(key=lambda fact: (fact.key[0], fact.key[1] != 0))  # stable: photos stay in order
    revisions = (sum(row[1] for row in rows) for rows in (own, more))
    own_sum, more_sum = revisions
    return facts, (len(own), own_sum, len(more), more_sum, sum(row[8] for row in more))


def _fact(identity: str, key: Key, row: tuple[Any, ...]) -> Fact:
    _, revision, image, status, embedder, category, price = row
    is_current = (status, embedder) == (EmbeddingStatus.READY, identity)
    return Fact(key, revision, image_key(image), category, float(price), is_current)


def read_vectors(
    facts: Iterable[Fact], identity: str, dim: int
) -> Iterator[tuple[Fact, Vector | None]]:
    """The vectors of these facts, None for one that is unusable.

    A picture that has changed since its fact was read is left out.
    """
    for queryset, photo in zip(shown(), (False, True), strict=True):
        wanted = {fact.key[photo]: fact for fact in facts if bool(fact.key[1]) == photo}
        current = queryset.searchable(identity)
        ids = iter(wanted)
        while chunk := list(islice(ids, CHUNK)):
            stored = current.filter(pk__in=chunk).values_list("pk", "revision", "embedding")
            for pk, revision, data in stored:
                if revision == wanted[pk].revision:
                    yield wanted[pk], _vector(wanted[pk], data, dim)


def _vector(fact: Fact, data: bytes, dim: int) -> Vector | None:
    try:
        return from_bytes(data, dim)
    except InvalidVector as error:
        logger.warning("Product %d is left out of the search. %s", fact.key[0], error)
        return None
