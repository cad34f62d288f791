"""Making one product of several that show the same thing. Nothing is deleted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from django.db import transaction
from django.utils import timezone

from catalog.models import EmbeddedPicture, EmbeddingStatus, Product, ProductPhoto
from search.doctor.judging import SAME
from search.doctor.models import Finding
from search.doctor.qualities import are_alike

Revisions = Mapping[int, int]  # by product id


class NotMerged(Exception):
    """The products are no longer what somebody saw; the message is a sentence for them."""


@dataclass(frozen=True)
class Merged:
    """What has become of the products."""

    kept: Product
    hidden: tuple[Product, ...]
    photos: int  # that the kept product has gained


def mergeable(finding: Finding) -> list[Product]:
    """The finding's products that can still be found, by id."""
    ids = finding.subjects.values("product")
    products = Product.objects.filter(pk__in=ids, active=True).order_by("pk")
    return list(products.select_related("category"))


@transaction.atomic
def merge(finding: Finding, *, keep: int, seen: Revisions) -> Merged:
    """Give the pictures of the finding's products to the one that is kept, and hide the others.

    A picture is left out where the kept product has one that is nearly the same. Raises NotMerged,
    also where a product has another revision than the one that was seen.
    """
    list(Product.objects.select_for_update().filter(pk__in=finding.subjects.values("product")))
    products = {product.pk: product for product in mergeable(finding)}
    if {pk: product.revision for pk, product in products.items()} != seen:
        raise NotMerged("One of these products has changed meanwhile. Look at them again.")
    if len(products) < 2 or keep not in products:
        raise NotMerged("Choose which of these products to keep.")
    kept = products.pop(keep)
    photos = sum(_give(kept, other) for other in products.values())
    hidden = Product.objects.filter(pk__in=products)
    hidden.update(active=False, updated_at=timezone.now())
    finding.delete()
    return Merged(kept, tuple(products.values()), photos)


def _give(kept: Product, other: Product) -> int:
    """Copy the pictures that the kept product lacks; how many those are. Files are shared."""
    mine, given = list(_pictures(kept)), 0
    for picture in _pictures(other):
        if not _has(mine, picture):
            mine.append(_copy(kept, picture))
            given += 1
    return given


def _pictures(product: Product) -> Iterator[EmbeddedPicture]:
    """Those of a product that are stored, with their vectors."""
    own = Product.objects.filter(pk=product.pk)
    for row in (*own.defer(None), *product.photos.defer(None).order_by("position", "pk")):
        if row.image:
            yield cast(EmbeddedPicture, row)


def _has(pictures: Sequence[EmbeddedPicture], wanted: EmbeddedPicture) -> bool:
    return any(
        picture.image.name == wanted.image.name
        or (_likeness(picture, wanted) >= SAME and are_alike(str(picture.image), str(wanted.image)))
        for picture in pictures
    )


def _likeness(one: EmbeddedPicture, other: EmbeddedPicture) -> float:
    """The cosine of two pictures, -1 where a vector is missing."""
    ready = one.embedding_status == other.embedding_status == EmbeddingStatus.READY
    if not ready or one.embedder != other.embedder:
        return -1.0
    vectors = (np.frombuffer(row.embedding or b"", "<f4") for row in (one, other))
    return float(np.dot(*vectors))


def _copy(kept: Product, picture: EmbeddedPicture) -> ProductPhoto:
    last = kept.photos.order_by("-position").values_list("position", flat=True).first()
    photo = ProductPhoto(
        product=kept,
        position=0 if last is None else last + 1,
        image=picture.image.name,
        image_source_digest=picture.image_source_digest,
        image_url=picture.image_url,
    )
    photo.save()
    return photo
