"""What the database says of the pictures that search may show, without and with their vectors.

Products are looked at by the thousand, in buckets of ids. A bucket's tally changes with each of its
rows, so that a reader whose tallies are the database's has missed nothing.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db.models import Count, F, Sum

from catalog.models import EmbeddedQuerySet, EmbeddingStatus, Product, ProductPhoto
from catalog.vectors import InvalidVector, from_bytes
from search.index.segments import Vector, image_key

logger = logging.getLogger(__name__)

BUCKET = 1024  # product ids
CHUNK = 500  # vectors to a query

Key = tuple[int, int]  # product id, and photo id or 0 for the product's own picture
# How many products and photos there are, and the sums of their revisions. Sums of random numbers
# tell sets of rows apart in whatever order their transactions committed.
Tally = tuple[int, int, int, int]
Tallies = dict[int, Tally]  # by bucket, empty ones left out


@dataclass(frozen=True, slots=True)
class Fact:
    """A picture of an active product."""

    key: Key
    revision: int
    image: int  # `image_key`
    category: int
    price: float
    embedder: str  # the identity of its vector's, empty while it has none
    is_failed: bool


def ids_of(bucket: int) -> tuple[int, int]:
    """The first product id of a bucket, and that of the next one."""
    return bucket * BUCKET, (bucket + 1) * BUCKET


def read_total() -> Tally:
    """The tally of the whole catalog."""
    counts = {"n": Count("pk"), "sum": Sum("revision")}
    own = Product.objects.order_by().aggregate(**counts)
    more = ProductPhoto.objects.order_by().aggregate(**counts)
    return own["n"], int(own["sum"] or 0), more["n"], int(more["sum"] or 0)


def read_tallies() -> Tallies:
    """The tallies of all buckets."""
    own = _counts(Product.objects.annotate(bucket=F("pk") / BUCKET))
    more = _counts(ProductPhoto.objects.annotate(bucket=F("product_id") / BUCKET))
    nothing = (0, 0)
    return {
        bucket: (*own.get(bucket, nothing), *more.get(bucket, nothing)) for bucket in own | more
    }


def read_facts(bucket: int) -> tuple[list[Fact], Tally]:
    """The facts on a bucket's pictures, product by product, and the tally of just what was read."""
    columns = ("pk", "revision", "image", "embedding_status", "embedder")
    low, high = ids_of(bucket)
    products = Product.objects.filter(pk__gte=low, pk__lt=high).order_by("pk")
    photos = ProductPhoto.objects.filter(product_id__gte=low, product_id__lt=high)
    own = list(products.values_list(*columns, "category_id", "price", "active"))
    more = list(photos.order_by("position", "pk").values_list(*columns, "product_id"))
    of_product = {row[0]: row[5:7] for row in own if row[7]}
    facts = [_fact((row[0], 0), row[:5], row[5:7]) for row in own if row[7]]
    facts += [_fact((row[5], row[0]), row[:5], of_product[row[5]])
              for row in more if row[5] in of_product]  # fmt: skip
    facts = [fact for fact in facts if fact.image]
    facts.sort(key=lambda fact: (fact.key[0], fact.key[1] != 0))  # stable: photos stay in order
    sums = (sum(row[1] for row in rows) for rows in (own, more))
    return facts, (len(own), next(sums), len(more), next(sums))


def read_vectors(
    facts: Iterable[Fact], identity: str, dim: int
) -> Iterator[tuple[Fact, Vector | None]]:
    """The vectors of these facts, None for one that is unusable.

    A picture that has changed since its fact was read is left out.
    """
    models: tuple[EmbeddedQuerySet, ...] = (Product.objects.all(), ProductPhoto.objects.all())
    for queryset, photo in zip(models, (False, True), strict=True):
        wanted = {fact.key[photo]: fact for fact in facts if bool(fact.key[1]) == photo}
        current = queryset.searchable(identity)
        ids = iter(wanted)
        while chunk := list(islice(ids, CHUNK)):
            stored = current.filter(pk__in=chunk).values_list("pk", "revision", "embedding")
            for pk, revision, data in stored:
                if revision == wanted[pk].revision:
                    yield wanted[pk], _vector(wanted[pk], data, dim)


def _counts(rows: EmbeddedQuerySet) -> dict[int, tuple[int, int]]:
    grouped = rows.order_by().values("bucket").annotate(n=Count("pk"), sum=Sum("revision"))
    return {row["bucket"]: (row["n"], int(row["sum"])) for row in grouped}


def _fact(key: Key, row: tuple[Any, ...], of_product: tuple[Any, ...]) -> Fact:
    _, revision, image, status, embedder = row
    category, price = of_product
    return Fact(
        key=key,
        revision=revision,
        image=image_key(image),
        category=category,
        price=float(price),
        embedder=embedder if status == EmbeddingStatus.READY else "",
        is_failed=status == EmbeddingStatus.FAILED,
    )


def _vector(fact: Fact, data: bytes, dim: int) -> Vector | None:
    try:
        return from_bytes(data, dim)
    except InvalidVector as error:
        logger.warning("Product %d is left out of the search. %s", fact.key[0], error)
        return None
