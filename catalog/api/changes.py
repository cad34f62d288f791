"""Products as a shop's own system changes them over the API.

What would change nothing leaves the row untouched, and so costs no revision and no vector.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.exceptions import NotFound, ValidationError

from catalog.models import Category, Product
from catalog.pictures.fields import NewPicture

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"
DELETED, FAILED = "deleted", "failed"
OUTCOMES = (CREATED, UPDATED, UNCHANGED, DELETED, FAILED)
NEEDED = ("name", "category", "price")  # by a new product, beside its SKU

Values = Mapping[str, Any]  # by field, as a ProductChangeSerializer has validated them


@dataclass(frozen=True)
class Outcome:
    """What became of one product; `errors` has sentences by field."""

    status: str  # one of OUTCOMES
    sku: str | None
    id: int | None = None
    errors: Any = field(default_factory=dict)


@transaction.atomic
def create(values: Values) -> Outcome:
    """Make a new product. Raises ValidationError."""
    return _save(Product(), values)


@transaction.atomic
def change(pk: int, values: Values) -> Outcome:
    """Give the product these values; what they leave out stays. Raises APIException."""
    product = _locked(pk=pk)
    if product is None:
        raise NotFound
    return _save(product, values)


@transaction.atomic
def upsert(values: Values) -> Outcome:
    """Change the product that has the SKU, or make it. Raises ValidationError."""
    product = _locked(sku=values["sku"])
    missing = [] if product else [name for name in NEEDED if name not in values]
    if missing:
        raise ValidationError({name: ["A new product needs this."] for name in missing})
    return _save(product or Product(), values)


@transaction.atomic
def delete(values: Values) -> Outcome:
    """Delete the product that has the SKU. Raises ValidationError."""
    product = _locked(sku=values["sku"])
    if product is None:
        raise ValidationError({"sku": ["There is no product with this SKU."]})
    outcome = Outcome(DELETED, product.sku, product.pk)
    product.delete()
    return outcome


def _locked(**which: Any) -> Product | None:
    """The product, which nobody else can change before this transaction ends."""
    products = Product.objects.select_for_update(of=("self",)).select_related("category")
    product: Product | None = products.filter(**which).first()
    return product


def _save(product: Product, values: Values) -> Outcome:
    """Write what differs. A category that is not there yet is made."""
    wanted = dict(values)
    if "category" in wanted:
        wanted["category"] = Category.objects.get_or_create(name=wanted["category"])[0]
    is_new = product.pk is None
    changed = {k: v for k, v in wanted.items() if is_new or _differs(product, k, v)}
    if "image_url" in changed and "image" in wanted:
        changed["image"] = wanted["image"]  # else the picture would be fetched from that address
    for name, value in changed.items():
        setattr(product, name, value)
    if changed:
        _write(product)
    status = CREATED if is_new else UPDATED if changed else UNCHANGED
    return Outcome(status, product.sku, product.pk)


def _differs(product: Product, name: str, value: Any) -> bool:
    if name != "image":
        return bool(getattr(product, name) != value)
    if not isinstance(value, NewPicture):
        return bool(product.image)
    same = product.image_source_digest == value.source_digest
    return not (same and product.image.is_stored())


def _write(product: Product) -> None:
    try:
        with transaction.atomic():
            product.save()
    except IntegrityError as error:
        # The unique constraint is the only one left that can fail here, however many write at once.
        raise ValidationError({"sku": ["Another product has this SKU."]}) from error
