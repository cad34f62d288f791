"""The catalog: categories and products, and what every embedded picture has in common."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from catalog.embedding.revisions import RevisedQuerySet, RevisionField
from catalog.fetching.remote import is_remote
from catalog.pictures.fields import PictureField
from catalog.signals import want_embedding, want_picture


class EmbeddingStatus(models.TextChoices):
    PENDING = "pending", "pending"
    READY = "ready", "ready"
    FAILED = "failed", "failed"


AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
CLOCKS_DIFFER = timedelta(seconds=5)  # what is due now is due on every machine
# What a row says while a worker is at it; a worker that is killed leaves it behind.
IN_WORK = "A worker is reading this picture."
# What a picture says that is tried again only if somebody asks for it.
STOPPED_WORKER = "Reading this picture stopped the worker three times."
# As `catalog.fetching.remote.is_remote`, for the database.
REMOTE = Q(image_url__istartswith="http://") | Q(image_url__istartswith="https://")


def pending() -> dict[str, Any]:
    """What a row is set to when it wants a vector, from now on."""
    return {
        "embedding_status": EmbeddingStatus.PENDING,
        "embedding_error": "",
        "embedding_attempts": 0,
        "embedding_due_at": timezone.now() - CLOCKS_DIFFER,
    }


class EmbeddedQuerySet(RevisedQuerySet):
    def searchable(self, identity: str) -> "EmbeddedQuerySet":
        """Rows whose vector is current and of this embedder."""
        return self.filter(embedding_status=EmbeddingStatus.READY, embedder=identity)

    def unembedded(self, identity: str) -> "EmbeddedQuerySet":
        """Rows with a picture and no current vector of this embedder, failed ones included."""
        current = Q(embedding_status=EmbeddingStatus.READY, embedder=identity)
        return self.exclude(image="").exclude(current).exclude(embedding_error=STOPPED_WORKER)

    def due(self) -> "EmbeddedQuerySet":
        """Rows with a picture and no current vector whose next attempt is due."""
        waiting = self.exclude(image="").exclude(embedding_status=EmbeddingStatus.READY)
        return waiting.filter(embedding_due_at__lte=timezone.now())

    def unfetched(self) -> "EmbeddedQuerySet":
        """Rows whose picture is still behind its address, failed ones included."""
        return self.filter(REMOTE, image="").exclude(embedding_error=STOPPED_WORKER)

    def fetch_due(self) -> "EmbeddedQuerySet":
        """Rows whose picture is still behind its address and whose next attempt is due."""
        return self.unfetched().filter(embedding_due_at__lte=timezone.now())

    def ask_again(self) -> int:
        """Make all these rows pending, as if they had just been saved; how many there were."""
        return self.update(**pending())


class EmbeddedManager(models.Manager.from_queryset(EmbeddedQuerySet)):  # type: ignore[misc]
    """Leaves the vector in the database until it is asked for, so that lists stay cheap."""

    def get_queryset(self) -> EmbeddedQuerySet:
        queryset: EmbeddedQuerySet = super().get_queryset().defer("embedding")
        return queryset


UNREADY = ~Q(embedding_status=EmbeddingStatus.READY)  # few rows, looked for every few seconds


class EmbeddedPicture(models.Model):
    """A picture and its vector.

    The embedding columns belong to `catalog.embedding`, which writes them by compare-and-swap:
    saving an existing row leaves them alone, unless `update_fields` names them, and only marks
    the row as pending when its picture is not the one the vector came from.

    A row with an http(s) address and no picture waits for `catalog.embedding` to fetch it. Where
    only the address changed, the picture that came from the old one is dropped.
    """

    EMBEDDING_COLUMNS = frozenset(
        {
            "embedding",
            "embedder",
            "embedding_digest",
            "embedding_status",
            "embedding_error",
            "embedding_attempts",
            "embedding_due_at",
            "embedded_at",
        }
    )
    PICTURE_COLUMNS = frozenset({"image", "image_source_digest"})

    # Saving writes the picture only if it was set: who read the row before another replaced its
    # picture would else bring the old one back, whose file is gone.
    picture_was_set = False

    image = PictureField("picture", blank=True)
    image_source_digest = models.CharField(max_length=64, blank=True, editable=False)
    image_url = models.CharField(
        "picture's address",
        max_length=2000,
        blank=True,
        help_text="Where the picture came from: an http(s) address or a path.",
    )

    embedding = models.BinaryField(null=True)  # little-endian float32, unit length
    embedder = models.CharField(max_length=100, blank=True, editable=False)  # identity
    embedding_digest = models.CharField(max_length=64, blank=True, editable=False)
    embedding_status = models.CharField(
        max_length=10,
        choices=EmbeddingStatus,
        default=EmbeddingStatus.PENDING,
        editable=False,
    )
    embedding_error = models.CharField(max_length=500, blank=True, editable=False)
    embedding_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    embedding_due_at = models.DateTimeField(null=True, default=AT_ONCE, editable=False)
    embedded_at = models.DateTimeField(null=True, editable=False)
    revision = RevisionField()

    objects = EmbeddedManager()

    class Meta:
        abstract = True

    def save(
        self,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        adding = self._state.adding or bool(force_insert)
        if update_fields is not None:
            update_fields = {*update_fields, "revision"}
        elif not adding:
            update_fields = self._own_fields()
        with transaction.atomic(using):
            changed = adding
            if update_fields is not None and "image_url" in update_fields:
                changed = self._leave_address(using) or adding
            if update_fields is not None and self.picture_was_set:
                update_fields = {*update_fields, *self.PICTURE_COLUMNS}
                changed = True
            super().save(
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=update_fields,
            )
            if changed:
                self._mark_pending(using)
        self.picture_was_set = False

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: models.QuerySet[Any] | None = None,
    ) -> None:
        super().refresh_from_db(using=using, fields=fields, from_queryset=from_queryset)
        if fields is None or "image" in fields:
            self.picture_was_set = False

    def _own_fields(self) -> set[str]:
        names = {field.name for field in self._meta.concrete_fields if not field.primary_key}
        kept = frozenset() if self.picture_was_set else self.PICTURE_COLUMNS
        return names - self.EMBEDDING_COLUMNS - kept - self.get_deferred_fields()

    def _leave_address(self, using: str | None) -> bool:
        """Whether the row gets another http(s) address; the picture of the old one then goes."""
        if not is_remote(self.image_url):
            return False
        row = type(self).objects.using(using).filter(pk=self.pk)
        before = row.values_list("image_url", "image").first()
        if before is None or before[0] == self.image_url:
            return False
        if not self.picture_was_set or self.image.name == before[1]:
            self.image, self.image_source_digest = "", ""
        return True

    def _mark_pending(self, using: str | None) -> None:
        row = type(self).objects.using(using).filter(pk=self.pk)
        current = Q(embedding_status=EmbeddingStatus.READY, embedding_digest=self.image.digest)
        columns = pending()
        if row.exclude(current).update(**columns):
            for column, value in columns.items():
                setattr(self, column, value)
            if self.image:
                want_embedding(self, using)
            elif is_remote(self.image_url):
                want_picture(self, using)


class Category(models.Model):
    name = models.CharField(max_length=100, unique=True)

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


def default_currency() -> str:
    currency: str = settings.DEFAULT_CURRENCY
    return currency


class Product(EmbeddedPicture):
    sku = models.CharField("SKU", max_length=64, unique=True)
    name = models.CharField(max_length=200)
    category = models.ForeignKey(Category, models.PROTECT, related_name="products")
    price = models.DecimalField(max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    currency = models.CharField(max_length=3, default=default_currency)
    link = models.URLField(
        "shop page", max_length=2000, blank=True, help_text="The product's page in the shop."
    )
    active = models.BooleanField(default=True, help_text="Shown in the shop and found by search.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=("active", "embedding_status", "embedder", "revision")),
            models.Index(fields=("id", "revision"), name="product_revision"),
            models.Index(fields=("category", "price")),
            models.Index(fields=("image",)),  # who else has this file?
            models.Index(fields=("embedding_due_at",), condition=UNREADY, name="product_due"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price_not_negative"),
            models.CheckConstraint(
                condition=UNREADY | Q(embedding__isnull=False),
                name="product_ready_has_embedding",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("product", args=(self.pk,))


class ProductPhoto(EmbeddedPicture):
    """A further photo of a product, beside `Product.image`."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="photos")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("product", "position", "id")
        indexes = (
            models.Index(fields=("product", "revision"), name="photo_revision"),
            models.Index(fields=("image",)),
            models.Index(fields=("embedding_due_at",), condition=UNREADY, name="photo_due"),
        )
        constraints = (
            models.CheckConstraint(
                condition=UNREADY | Q(embedding__isnull=False),
                name="photo_ready_has_embedding",
            ),
        )

    def __str__(self) -> str:
        return f"Photo {self.position}"


# Every model whose pictures are embedded.
EMBEDDED_MODELS: tuple[type[EmbeddedPicture], ...] = (Product, ProductPhoto)
