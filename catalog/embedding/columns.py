"""What every row with an embedded picture has: its columns, its states and its revision.

The concrete models are in `catalog.models`, which says what saving one of them does.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, pgettext_lazy

from catalog.pictures.stored import PictureField
from catalog.values import MAX_ADDRESS


class EmbeddingStatus(models.TextChoices):
    PENDING = "pending", pgettext_lazy("picture", "pending")
    READY = "ready", pgettext_lazy("picture", "ready")
    FAILED = "failed", pgettext_lazy("picture", "failed")


ALWAYS_DUE = datetime(1970, 1, 1, tzinfo=UTC)  # due at once, by every machine's clock
# The `refetch_at` of a picture that did not come from its row's address, such as an upload.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(seconds=5)  # between two machines that share the database
# The error of a row while a worker has it. A worker that is killed leaves it behind. As it is
# compared, it is stored in English, and `catalog.embedding.progress` translates it.
IN_WORK = gettext_noop("A worker is reading this picture.")
# The same, by the number of workers that the picture has stopped in a row.
IN_WORK_AFTER = (
    IN_WORK,
    gettext_noop("A worker is reading this picture, which has stopped one before."),
    gettext_noop("A worker is reading this picture, which has stopped two before."),
)
# The error of a picture that is tried again only on request.
STOPPED_WORKER = gettext_noop("Reading this picture stopped the worker three times.")
# The same condition as `is_remote`.
REMOTE = Q(image_url__istartswith="http://") | Q(image_url__istartswith="https://")
UNREADY = ~Q(embedding_status=EmbeddingStatus.READY)
REVISION_BITS = 40  # the sum over a million rows still fits into a 64-bit integer of the database


def pending() -> dict[str, Any]:
    """The columns of a row that needs a vector from now on."""
    return {
        "embedding_status": EmbeddingStatus.PENDING,
        "embedding_error": "",
        "embedding_attempts": 0,
        "embedding_due_at": timezone.now() - CLOCK_SKEW,  # due on every machine
    }


def fetched(validator: str) -> dict[str, Any]:
    """The columns of a row whose picture is what its address has at present."""
    return {
        "image_validator": validator or None,
        "refetch_at": timezone.now() + refetch_period(),
        "refetch_error": None,
    }


def refetch_period() -> timedelta:
    """The time between two looks at an address; 30 days where none takes place by itself."""
    return timedelta(days=settings.REFETCH_DAYS or 30)


def is_remote(source: str) -> bool:
    """Whether a picture's source is an http(s) address rather than a path."""
    return source.lower().startswith(("http://", "https://"))


def new_revision() -> int:
    """A random number; two changes share one with a probability of 2**-40."""
    return secrets.randbits(REVISION_BITS)


class RevisionField(models.BigIntegerField):
    """A random number, renewed by every save and update so that readers notice the change."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"default": new_revision, "editable": False, **options})

    def pre_save(self, model_instance: models.Model, add: bool) -> int:
        revision = new_revision()
        setattr(model_instance, self.attname, revision)
        return revision


class EmbeddedQuerySet(models.QuerySet[Any]):
    def update(self, **values: Any) -> int:
        """Update the rows and their revision, unless `values` has a revision of its own."""
        return super().update(**({"revision": new_revision()} | values))

    def searchable(self, identity: str) -> "EmbeddedQuerySet":
        """Rows whose vector is current and of this embedder."""
        return self.filter(embedding_status=EmbeddingStatus.READY, embedder=identity)

    def unembedded(self, identity: str) -> "EmbeddedQuerySet":
        """Rows with a picture and no current vector of this embedder, unless they were given up."""
        current = Q(embedding_status=EmbeddingStatus.READY, embedder=identity)
        return self.exclude(image="").exclude(current).exclude(embedding_error=STOPPED_WORKER)

    def due(self) -> "EmbeddedQuerySet":
        """Rows with a picture and no current vector whose next attempt is due."""
        waiting = self.exclude(image="").exclude(embedding_status=EmbeddingStatus.READY)
        return waiting.filter(embedding_due_at__lte=timezone.now())

    def unfetched(self) -> "EmbeddedQuerySet":
        """Rows whose picture has not been fetched from its address, unless they were given up."""
        return self.filter(REMOTE, image="").exclude(embedding_error=STOPPED_WORKER)

    def fetch_due(self) -> "EmbeddedQuerySet":
        """Rows whose picture has not been fetched and whose next attempt is due."""
        return self.unfetched().filter(embedding_due_at__lte=timezone.now())

    def refetch_due(self) -> "EmbeddedQuerySet":
        """Rows with a fetched picture whose address is to be asked whether it has changed."""
        due = self.filter(REMOTE, refetch_at__lte=timezone.now()).exclude(image="")
        if settings.REFETCH_DAYS:
            return due
        return due.filter(Q(refetch_at=ALWAYS_DUE) | Q(refetch_error=IN_WORK))

    def unscheduled(self) -> "EmbeddedQuerySet":
        """Rows with a picture and an address that was not asked since there is a schedule."""
        return self.filter(REMOTE, refetch_at=None).exclude(image="")

    def make_pending(self) -> int:
        """Make all these rows pending, as if they had just been saved. Returns their number."""
        return self.update(**pending())


class EmbeddedManager(models.Manager.from_queryset(EmbeddedQuerySet)):  # type: ignore[misc]
    """Defers the vector, so that lists stay cheap."""

    def get_queryset(self) -> EmbeddedQuerySet:
        queryset: EmbeddedQuerySet = super().get_queryset().defer("embedding")
        return queryset


class EmbeddedPicture(models.Model):
    """A picture and its vector.

    Workers write the embedding columns by compare-and-swap (`catalog.embedding.claims`). A row
    with an http(s) address and no picture waits for a worker to fetch it.
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
    PICTURE_COLUMNS = frozenset(
        {"image", "image_source_digest", "image_validator", "refetch_at", "refetch_error"}
    )

    image = PictureField(_("picture"), blank=True)
    image_source_digest = models.CharField(max_length=64, blank=True, editable=False)
    image_url = models.CharField(
        _("picture's address"),
        max_length=MAX_ADDRESS,
        blank=True,
        help_text=_(
            "The http(s) address or path that the picture comes from, unless it is uploaded."
        ),
    )
    # Nullable, because SQLite adds no other column without rewriting the table with its vectors.
    # What the address's server sent with the picture (`fetching.fetcher.Answer`).
    image_validator = models.CharField(max_length=160, null=True, editable=False)  # noqa: DJ001
    # When the address is asked again whether its picture has changed. None: there is no picture,
    # or it is older than this column, and may not have come from the address.
    refetch_at = models.DateTimeField(null=True, editable=False)
    refetch_error = models.CharField(max_length=500, null=True, editable=False)  # noqa: DJ001

    embedding = models.BinaryField(null=True)  # little-endian float32, unit length
    # The embedder's identity
    # Translators: the network that turns a picture into a vector.
    embedder = models.CharField(_("embedder"), max_length=100, blank=True, editable=False)
    embedding_digest = models.CharField(max_length=64, blank=True, editable=False)
    embedding_status = models.CharField(
        max_length=10,
        choices=EmbeddingStatus,
        default=EmbeddingStatus.PENDING,
        editable=False,
    )
    embedding_error = models.CharField(max_length=500, blank=True, editable=False)
    embedding_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    embedding_due_at = models.DateTimeField(null=True, default=ALWAYS_DUE, editable=False)
    # Translators: when a picture's vector was computed.
    embedded_at = models.DateTimeField(_("embedded at"), null=True, editable=False)
    revision = RevisionField()

    objects = EmbeddedManager()

    class Meta:
        abstract = True


def embedded_models() -> list[type[EmbeddedPicture]]:
    """The concrete models in the order of their definition: products, then further photos."""
    return [model for model in apps.get_models() if issubclass(model, EmbeddedPicture)]
