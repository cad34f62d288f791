"""Merges products that show the same thing into one. Nothing is deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from django.db import transaction
from django.utils import timezone

from catalog.messages import sentence
from catalog.models import EmbeddedPicture, EmbeddingStatus, Product
from search.doctor.judging import SAME
from search.doctor.measuring import are_same_layout
from search.doctor.models import Finding


class NotMerged(Exception):
    """The products have changed since they were shown; the message is a sentence for staff."""


@dataclass(frozen=True)
class Merged:
    """What happened to the products."""

    kept: Product
    hidden: tuple[Product, ...]
    photos: int  # added to the kept product


def mergeable(finding: Finding) -> list[Product]:
    """The finding's active products, by id."""
    ids = finding.subjects.values("product")
    products = Product.objects.filter(pk__in=ids, active=True).order_by("pk")
    return list(products.select_related("category"))


@transaction.atomic
def merge(finding: Finding, *, keep: int, seen: Mapping[int, int]) -> Merged:
    """Add the pictures of the finding's products to the one that is kept, and hide the others.

    Pictures that the kept product already has are left out. `seen` are the revisions by product id
    that staff looked at. Raises NotMerged, also if a product has another revision by now.
    """
    list(Product.objects.select_for_update().filter(pk__in=finding.subjects.values("product")))
    products = {product.pk: product for product in mergeable(finding)}
    if {pk: product.revision for pk, product in products.items()} != seen:
        raise NotMerged(sentence("One of these products has changed meanwhile. Check them again."))
    if len(products) < 2 or keep not in products:
        raise NotMerged(sentence("Choose which of these products to keep."))
    kept = products.pop(keep)
    photos = sum(_add_pictures(kept, other) for other in products.values())
    hidden = Product.objects.filter(pk__in=products)
    hidden.update(active=False, updated_at=timezone.now())
    finding.delete()
    return Merged(kept, tuple(products.values()), photos)


def _add_pictures(kept: Product, other: Product) -> int:
    """Copy the pictures that the kept product lacks; return their number. Files are shared."""
    mine, added = _pictures(kept), 0
    for picture in _pictures(other):
        if any(_are_same(each, picture) for each in mine):
            continue
        last = kept.photos.order_by("-position").values_list("position", flat=True).first()
        photo = kept.photos.create(
            position=0 if last is None else last + 1,
            image=picture.image.name,
            image_source_digest=picture.image_source_digest,
            image_url=picture.image_url,
        )
        mine.append(photo)
        added += 1
    return added


def _pictures(product: Product) -> list[EmbeddedPicture]:
    """The product's stored pictures with their vectors."""
    own = Product.objects.filter(pk=product.pk)
    rows = (*own.defer(None), *product.photos.defer(None).order_by("position", "pk"))
    return [cast(EmbeddedPicture, row) for row in rows if row.image]


def _are_same(one: EmbeddedPicture, other: EmbeddedPicture) -> bool:
    """Whether two pictures are nearly the same; False for different ones without vectors."""
    if one.image.name == other.image.name:
        return True
    is_ready = one.embedding_status == other.embedding_status == EmbeddingStatus.READY
    if not is_ready or one.embedder != other.embedder:
        return False
    vectors = (np.frombuffer(row.embedding or b"", "<f4") for row in (one, other))
    return float(np.dot(*vectors)) >= SAME and are_same_layout(str(one.image), str(other.image))
