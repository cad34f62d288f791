"""Reads the pictures that can be found from the database, one range of product ids at a time.

The tally of a range changes with each of its rows, so a reader whose tallies equal those of the
database has missed nothing. Only rows that changed are read again, and only vectors that changed.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, islice
from typing import Any

from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce

from catalog.embedding.columns import EmbeddedQuerySet, EmbeddingStatus
from catalog.models import Product, ProductPhoto
from catalog.vectors import InvalidVector, from_bytes
from search.index.corpus import (
    Item,
    PictureKey,
    Row,
    Vector,
    availability_code,
    group_key,
    image_key,
)

logger = logging.getLogger(__name__)

RANGE_IDS = 1024  # product ids in a range; range n starts at id n * RANGE_IDS
CHUNK = 500  # vectors in one query

# The number of products and the sum of their revisions, and the same of photos. Revisions are
# random numbers, so equal sums mean equal sets of rows, in whatever order they were committed.
Tally = tuple[int, int, int, int]
Tallies = dict[int, Tally]  # by range, without empty ones


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of an active product as the database describes it, without its vector."""

    key: PictureKey
    revision: int
    image: int  # `image_key`
    facts: tuple[int, float, int, int]  # of the product, in the order of `Item`
    embedder: str  # the identity of its vector's embedder, empty while it has no vector
    is_failed: bool


class RangeReader:
    """Reads ranges for one embedder; an unusable vector is read and logged only once."""

    def __init__(self, identity: str, dim: int) -> None:
        self._identity, self._dim = identity, dim
        self._rejected: dict[PictureKey, int] = {}  # revisions

    def read(self, number: int, known: Iterable[Item]) -> tuple[list[Item], Tally]:
        """The items of a range by product id, and the tally of exactly what was read.

        `known` are earlier items of the range, later ones last; rows that still hold are kept.
        """
        pictures, tally = read_pictures(number)
        old = {(item.product, row.photo): row for item in known for row in item.rows}
        rows = {
            picture.key: row
            for picture in pictures
            if (row := old.get(picture.key)) and self._still_holds(row, picture)
        }
        rows |= self._read(picture for picture in pictures if picture.key not in rows)
        items = []
        with_rows = (picture for picture in pictures if picture.key in rows)
        for product, group in groupby(with_rows, lambda picture: picture.key[0]):
            own = list(group)
            found = tuple(rows[picture.key] for picture in own)
            items.append(Item(product, *own[0].facts, found))
        return items, tally

    def _still_holds(self, row: Row, picture: Picture) -> bool:
        """Return True if the row is still that of the picture.

        While the embedder is being changed, the vectors in the database are replaced one by one by
        those of the next embedder. The known vector of the same picture is kept then.
        """
        if row.revision == picture.revision:
            return True
        has_next_vector = picture.embedder != self._identity and not picture.is_failed
        return has_next_vector and row.image == picture.image

    def _read(self, pictures: Iterable[Picture]) -> dict[PictureKey, Row]:
        wanted = [
            picture
            for picture in pictures
            if picture.embedder == self._identity
            and self._rejected.get(picture.key) != picture.revision
        ]
        rows = {}
        for picture, vector in read_vectors(wanted, self._identity, self._dim):
            if vector is None:
                self._rejected[picture.key] = picture.revision
            else:
                rows[picture.key] = Row(picture.key[1], picture.image, picture.revision, vector)
        return rows


def ids_of(number: int) -> tuple[int, int]:
    """The first product id of a range, and that of the next range."""
    return number * RANGE_IDS, (number + 1) * RANGE_IDS


def read_total() -> Tally:
    """The tally of the whole catalog."""
    counts = {"n": Count("pk"), "sum": Sum("revision")}
    own = Product._base_manager.order_by().aggregate(**counts)
    more = ProductPhoto._base_manager.order_by().aggregate(**counts)
    return own["n"], int(own["sum"] or 0), more["n"], int(more["sum"] or 0)


def read_tallies() -> Tallies:
    """The tallies of all ranges."""
    own = _counts(Product.objects.annotate(range=F("pk") / RANGE_IDS))
    more = _counts(ProductPhoto.objects.annotate(range=F("product_id") / RANGE_IDS))
    nothing = (0, 0)
    return {
        number: (*own.get(number, nothing), *more.get(number, nothing)) for number in own | more
    }


def read_pictures(number: int) -> tuple[list[Picture], Tally]:
    """The pictures of a range, product by product, and the tally of exactly what was read.

    A product's own picture comes first, then its photos by position.
    """
    columns = ("pk", "revision", "image", "embedding_status", "embedder")
    low, high = ids_of(number)
    products = Product.objects.filter(pk__gte=low, pk__lt=high).order_by("pk")
    photos = ProductPhoto.objects.filter(product_id__gte=low, product_id__lt=high)
    selling_price = Coalesce("sale_price", "price")
    facts = ("category_id", selling_price, "availability", "group", "active")
    own = list(products.values_list(*columns, *facts))
    more = list(photos.order_by("position", "pk").values_list(*columns, "product_id"))
    of_product = {row[0]: _facts(row[0], row[2], *row[5:9]) for row in own if row[9]}
    pictures = [_picture((row[0], 0), row, of_product[row[0]]) for row in own if row[9]]
    pictures += [
        _picture((row[5], row[0]), row, of_product[row[5]]) for row in more if row[5] in of_product
    ]
    pictures = [picture for picture in pictures if picture.image]
    pictures.sort(key=lambda picture: (picture.key[0], picture.key[1] != 0))  # a stable sort
    sums = (sum(row[1] for row in rows) for rows in (own, more))
    return pictures, (len(own), next(sums), len(more), next(sums))


def read_vectors(
    pictures: Collection[Picture], identity: str, dim: int
) -> Iterator[tuple[Picture, Vector | None]]:
    """The vectors (dim,) of these pictures, None for one that is unusable.

    A picture that has changed since it was read is left out.
    """
    models: tuple[EmbeddedQuerySet, ...] = (Product.objects.all(), ProductPhoto.objects.all())
    for queryset, place in zip(models, (0, 1), strict=True):
        wanted = {
            picture.key[place]: picture for picture in pictures if bool(picture.key[1]) == place
        }
        current = queryset.searchable(identity)
        ids = iter(wanted)
        while chunk := list(islice(ids, CHUNK)):
            stored = current.filter(pk__in=chunk).values_list("pk", "revision", "embedding")
            for pk, revision, data in stored:
                if revision != wanted[pk].revision:
                    continue
                try:
                    vector = from_bytes(data, dim)
                except InvalidVector as error:
                    product = wanted[pk].key[0]
                    logger.warning("Product %d is left out of the search. %s", product, error)
                    yield wanted[pk], None
                else:
                    yield wanted[pk], vector


def _counts(rows: EmbeddedQuerySet) -> dict[int, tuple[int, int]]:
    """By range, the number of rows and the sum of their revisions."""
    grouped = rows.order_by().values("range").annotate(n=Count("pk"), sum=Sum("revision"))
    return {row["range"]: (row["n"], int(row["sum"])) for row in grouped}


def _facts(
    product: int, image: str, category: int, price: Decimal, availability: str, group: str
) -> tuple[int, float, int, int]:
    key = group_key(product, group, image)
    return category, float(price), availability_code(availability), key


def _picture(key: PictureKey, row: tuple[Any, ...], facts: tuple[int, float, int, int]) -> Picture:
    _, revision, image, status, embedder = row[:5]
    return Picture(
        key=key,
        revision=revision,
        image=image_key(image),
        facts=facts,
        embedder=embedder if status == EmbeddingStatus.READY else "",
        is_failed=status == EmbeddingStatus.FAILED,
    )
