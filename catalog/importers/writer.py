"""Creating and changing products: the rules that files, the admin's imports and the API share."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.utils.translation import gettext, ngettext

from catalog.embedding.columns import is_remote
from catalog.messages import Amount, sentence
from catalog.messages.translation import translated
from catalog.models import Category, Product, ProductPhoto
from catalog.pictures.storage import NotStored
from catalog.pictures.stored import NewPicture
from catalog.values import MAX_ADDRESS, NO_SALE, category_key, is_sale

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"
DELETED, FAILED = "deleted", "failed"
STATUSES = (CREATED, UPDATED, UNCHANGED, DELETED, FAILED)
# Of products that are compared with values. Converting the others would take as long again.
READ_COLUMNS = (
    *("sku", "name", "category", "price", "sale_price", "currency", "link", "active", "group"),
    *("availability", "brand", "attributes", "image", "image_url", "image_source_digest"),
    *("embedding_status", "embedding_error"),
)
REQUIRED = ("name", "category", "price")  # of a new product, beside its SKU

# By field of Product. `category` is a name; `image` is a NewPicture, or None to remove the picture;
# `photos` are the addresses of all further photos that have one, in their order. A field that is
# missing stays as it is.
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A value before and after a change, as people read it."""

    before: str
    after: str


@dataclass(frozen=True)
class WriteResult:
    """What happened to one product; `errors` has sentences by field where it failed."""

    status: str  # one of STATUSES
    sku: str | None
    id: int | None = None
    errors: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Change] = field(default_factory=dict)  # of a dry run


@dataclass(frozen=True)
class _Staged:
    """A product whose new values are valid and set, but not saved."""

    product: Product
    columns: Collection[str]
    photos: Sequence[str] | None  # addresses; None leaves the photos as they are
    is_new: bool

    def saved(self) -> WriteResult:
        status = CREATED if self.is_new else UPDATED
        return WriteResult(status, self.product.sku, self.product.pk)


class ProductWriter:
    """Writes products within one transaction, which the caller opens.

    The products with these SKUs are locked until it ends. A category that does not exist is
    created, unless `may_add_categories` is false: then the product fails. In a dry run products
    can only be checked, nothing is locked or created, and no transaction is needed.
    """

    def __init__(
        self, skus: Iterable[str] = (), *, may_add_categories: bool = True, dry_run: bool = False
    ) -> None:
        self.may_add_categories, self.dry_run = may_add_categories, dry_run
        self.products: dict[str, Product] = self._lock(skus)
        self._categories: dict[str, Category] = {}  # by key

    def upsert(self, values: Values) -> WriteResult:
        """Change the product with `values["sku"]`, or create it. Raises NotStored."""
        sku = values["sku"]
        known = self.products.get(sku)
        product = known or Product()
        result = self.write(product, values)
        if known is None and "sku" in result.errors:  # perhaps somebody else has just created it
            known = self._lock([sku]).get(sku)
            if known is not None:
                product, result = known, self.write(known, values)
        if result.status != FAILED:
            self.products[sku] = product
        return result

    def upsert_all(self, items: Sequence[Values]) -> list[WriteResult]:
        """`upsert` for many products, in few statements; a result for each, in their order."""
        keys = {category_key(item["category"]) for item in items if "category" in item}
        found = Category.objects.filter(key__in=keys - self._categories.keys())
        self._categories |= {category.key: category for category in found}
        results: list[WriteResult] = []
        group: dict[str, Values] = {}
        for item in items:
            if "image" in item or item["sku"] in group:
                results += self._upsert_group(group)
                group = {}
            if "image" not in item:
                group[item["sku"]] = item
                continue
            try:
                results.append(self.upsert(item))
            except NotStored as error:
                results.append(
                    WriteResult(FAILED, item["sku"], errors={"image_url": [translated(error)]})
                )
        return results + self._upsert_group(group)

    def _upsert_group(self, group: Mapping[str, Values]) -> list[WriteResult]:
        """The same for values without a picture, by SKU."""
        known = [self.products[sku] for sku in group if sku in self.products]
        prefetch_photos(product for product in known if "photos" in group[product.sku])
        staged = [self._stage(self.products.get(sku) or Product(), group[sku]) for sku in group]
        drafts = [each for each in staged if isinstance(each, _Staged)]
        try:
            with transaction.atomic():
                Product.create_all([draft.product for draft in drafts if draft.is_new])
                changed = [draft for draft in drafts if not draft.is_new]
                Product.update_all((draft.product, draft.columns) for draft in changed)
                _write_photos(drafts)
        except (IntegrityError, DataError):  # such as a product that somebody has just created
            self.products |= self._lock(group)
            return [self.upsert(values) for values in group.values()]
        self.products |= {draft.product.sku: draft.product for draft in drafts}
        return [each.saved() if isinstance(each, _Staged) else each for each in staged]

    def write(self, product: Product, values: Values) -> WriteResult:
        """Save the values that differ from those of the product, which must be new or locked.

        Where all are the same, the row is left alone: it gets no new revision and no new vector.
        Raises NotStored.
        """
        draft = self._stage(product, values)
        if isinstance(draft, WriteResult):
            return draft
        try:
            product.save(update_fields=None if draft.is_new else draft.columns)
        except IntegrityError:
            # No other constraint can fail here, however many processes write at once.
            taken = {"sku": [gettext("Another product has this SKU.")]}
            return WriteResult(FAILED, product.sku, errors=taken)
        _write_photos([draft])
        return draft.saved()

    def _stage(self, product: Product, values: Values) -> _Staged | WriteResult:
        """Set the values that differ. A result where none does or one is invalid."""
        is_new = product.pk is None
        changes = dict(values) if is_new else differing(product, values)
        if not changes:
            return WriteResult(UNCHANGED, product.sku, product.pk)
        if "image_url" in changes and "image" in values:
            # Otherwise the model would drop the picture and fetch the one at the new address.
            changes["image"] = values["image"]
        try:
            cleaned = self._clean(product, changes)
        except ValidationError as error:
            sku = values.get("sku", product.sku)
            return WriteResult(FAILED, sku, errors=error.message_dict)
        photos = cleaned.pop("photos", None)
        for name, value in cleaned.items():
            setattr(product, name, value)
        return _Staged(product, {*cleaned, "updated_at"}, photos, is_new)

    def check(self, product: Product, values: Values) -> WriteResult:
        """What `write` would do and change. Nothing is saved; the writer must be for a dry run."""
        is_new = product.pk is None
        differences = dict(values) if is_new else differing(product, values)
        sku = values.get("sku", product.sku)
        try:
            self._clean(product, differences)
        except ValidationError as error:
            return WriteResult(FAILED, sku, product.pk, error.message_dict)
        changes = {
            name: Change("" if is_new else _shown(_current(product, name)), _shown(value))
            for name, value in differences.items()
            if not (is_new and value == [])  # no further photos
        }
        status = CREATED if is_new else UPDATED if changes else UNCHANGED
        return WriteResult(status, sku, product.pk, changes=changes)

    def delete(self, sku: str) -> WriteResult:
        """Delete a product that this writer has locked or written."""
        product = self.products.pop(sku, None)
        if product is None:
            errors = {"sku": [gettext("There is no product with this SKU.")]}
            return WriteResult(FAILED, sku, errors=errors)
        result = WriteResult(DELETED, sku, product.pk)
        product.delete()
        return result

    def _lock(self, skus: Iterable[str]) -> dict[str, Product]:
        return read_products(Product.objects.select_for_update(), skus)

    def _clean(self, product: Product, changes: Values) -> dict[str, Any]:
        """The changes as the model's fields take them. Raises ValidationError."""
        missing = [name for name in REQUIRED if product.pk is None and name not in changes]
        errors: dict[str, Any] = {name: [gettext("A new product needs this.")] for name in missing}
        cleaned = dict(changes)
        for name, value in changes.items():
            if name in ("category", "image"):
                continue
            if name == "photos":
                if any(len(address) > MAX_ADDRESS for address in value):
                    problem = sentence(
                        "A picture's address has more than %(most)s characters.",
                        most=Amount(MAX_ADDRESS),
                    )
                    errors["image_url"] = [translated(problem)]
                continue
            model_field: Any = Product._meta.get_field(name)
            if model_field.blank and value == "":
                continue
            try:
                cleaned[name] = model_field.clean(value, product)
            except ValidationError as error:
                errors[name] = error.messages
        if not errors and _has_false_sale(product, cleaned):
            errors["sale_price"] = [translated(NO_SALE)]
        if errors:
            raise ValidationError(errors)
        if "category" in changes:  # last, so that a product that fails leaves no category behind
            cleaned["category"] = self._category(changes["category"])
        return cleaned

    def _category(self, name: str) -> Category:
        """The category of this name, created where it may be. Raises ValidationError."""
        key = category_key(name)
        if key in self._categories:
            return self._categories[key]
        if self.may_add_categories:
            try:
                Category._meta.get_field("name").clean(name, None)
            except ValidationError as error:
                raise ValidationError({"category": error.messages}) from error
            tidy = {"name": " ".join(name.split())}
            if self.dry_run:
                category = Category(**tidy)
            else:
                category = Category.objects.get_or_create(key=key, defaults=tidy)[0]
        else:
            found = Category.objects.filter(key=key).first()
            if found is None:
                problem = gettext("There is no such category, and you may not add categories.")
                raise ValidationError({"category": problem})
            category = found
        self._categories[key] = category
        return category


def differing(product: Product, values: Values) -> dict[str, Any]:
    """The values that differ from those of an existing product."""
    changes = {}
    for name, value in values.items():
        if name == "category":
            is_same = product.category.key == category_key(value)
        elif name == "photos":
            is_same = [photo.image_url for photo in addressed_photos(product)] == value
        elif name != "image":
            is_same = getattr(product, name) == value
        elif isinstance(value, NewPicture):
            is_same_file = product.image_source_digest == value.source_digest
            is_same = is_same_file and product.image.is_stored()
        else:
            is_same = not product.image
        if not is_same:
            changes[name] = value
    return changes


def without_false_sale(values: Values, product: Product | None) -> tuple[Values, str]:
    """The values, not on sale where the sale price is no lower than the price, and why.

    For files, which often have both prices, the same or the wrong way round.
    """
    if not _has_false_sale(product, values):
        return values, ""
    note = sentence("Imported without a sale price. %(reason)s", reason=NO_SALE)
    return {**values, "sale_price": None}, translated(note)


def _has_false_sale(product: Product | None, changes: Values) -> bool:
    """Whether the product, once changed, has a sale price that is none."""
    price = changes.get("price", product and product.price)
    sale_price = changes.get("sale_price", product and product.sale_price)
    return sale_price is not None and price is not None and not is_sale(sale_price, price)


def _current(product: Product, name: str) -> Any:
    if name == "category":
        return product.category.name
    if name == "photos":
        return [photo.image_url for photo in addressed_photos(product)]
    return getattr(product, name)


def _shown(value: Any) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        count = len(value)
        text = ngettext("%(number)s further photo", "%(number)s further photos", count)
        return text % {"number": count}
    if isinstance(value, dict):
        return "; ".join(f"{name}={text}" for name, text in value.items())
    if isinstance(value, NewPicture):
        return gettext("the picture in the file")
    return "" if value is None else str(value)


def addressed_photos(product: Product) -> list[ProductPhoto]:
    """The further photos that came from addresses, in their order."""
    photos = getattr(product, "read_photos", None)
    photos = product.photos.all() if photos is None else photos
    return [photo for photo in photos if is_remote(photo.image_url)]


def read_products(rows: QuerySet[Product], skus: Iterable[str]) -> dict[str, Product]:
    """Those of the products that have these SKUs, with what values are compared with.

    Products in the same category share its instance, which `select_related` would create for each.
    A product is left out whose category has just been deleted, after it got another one.
    """
    found = rows.only(*READ_COLUMNS).in_bulk(list(skus), field_name="sku")
    categories = Category.objects.in_bulk({product.category_id for product in found.values()})
    products: dict[str, Product] = {}
    for sku, product in found.items():
        if product.category_id in categories:
            product.category = categories[product.category_id]
            products[sku] = product
    return products


def prefetch_photos(products: Iterable[Product]) -> None:
    """Read the further photos of all products for `addressed_photos`, in one query."""
    columns = ("product", "position", "image", "image_url", "embedding_status", "embedding_error")
    photos: QuerySet[ProductPhoto] = ProductPhoto.objects.only(*columns)
    # As an attribute, because otherwise Django makes a queryset for each product.
    prefetch_related_objects(list(products), Prefetch("photos", photos, to_attr="read_photos"))


def _write_photos(drafts: Sequence[_Staged]) -> None:
    """Make the photos of the products those at the drafts' addresses; uploaded ones stay."""
    prefetch_photos(draft.product for draft in drafts if draft.photos is not None)
    new: list[ProductPhoto] = []
    moved: list[ProductPhoto] = []
    gone: list[ProductPhoto] = []
    for draft in drafts:
        if draft.photos is None:
            continue
        known = {photo.image_url: photo for photo in addressed_photos(draft.product)}
        for position, address in enumerate(draft.photos, 1):
            photo = known.pop(address, None)
            if photo is None:
                new.append(
                    ProductPhoto(product=draft.product, image_url=address, position=position)
                )
            elif photo.position != position:
                photo.position = position
                moved.append(photo)
        gone += known.values()
        del draft.product.read_photos  # type: ignore[attr-defined]  # they are others now
    ProductPhoto.create_all(new)
    ProductPhoto.update_all((photo, ("position",)) for photo in moved)
    ProductPhoto.objects.filter(pk__in=[photo.pk for photo in gone]).delete()
