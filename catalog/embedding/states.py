"""The states of pictures and products, for people: in words, and as conditions for the database."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from catalog.embedders import EmbedderUnavailable
from catalog.fetching.remote import is_remote
from catalog.models import (
    REMOTE,
    EmbeddedPicture,
    EmbeddingStatus,
    Product,
    ProductPhoto,
)
from catalog.serving import wanted_embedder

MISSING = Q(image="") & ~REMOTE
# Each row is in exactly one of them.
STATES = {
    "ready": Q(embedding_status=EmbeddingStatus.READY) & ~MISSING,
    "pending": Q(embedding_status=EmbeddingStatus.PENDING) & ~MISSING,
    "failed": Q(embedding_status=EmbeddingStatus.FAILED) & ~MISSING,
    "missing": MISSING,
}

_READY_PHOTO = Exists(
    ProductPhoto.objects.filter(product=OuterRef("pk"), embedding_status=EmbeddingStatus.READY)
)
# Of products: whether search can find them, by their own picture or by a further photo, and
# whether it should and can't. The latter is put so that an index serves it: on SQLite, one does
# neither for "not ready" nor for a bare "active".
FINDABLE = Q(active=True) & (Q(embedding_status=EmbeddingStatus.READY) | Q(_READY_PHOTO))
INVISIBLE = Q(
    ~Q(_READY_PHOTO),
    active__in=(True,),
    embedding_status__in=(EmbeddingStatus.PENDING, EmbeddingStatus.FAILED),
)


@dataclass(frozen=True)
class State:
    """One of STATES or "outdated", and a sentence that says why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Invisible:
    """How many products of INVISIBLE there are, by the state of their own picture."""

    missing: int
    failed: int
    pending: int

    @property
    def total(self) -> int:
        """Those that somebody must look after; the pending ones will be found by themselves."""
        return self.missing + self.failed


def state_of(row: EmbeddedPicture, identity: str) -> State:
    """The state of a row's picture, where `identity` is the present embedder's."""
    if not row.image and not is_remote(row.image_url):
        return State("missing", "There is no picture, so search can't find it.")
    if row.embedding_status == EmbeddingStatus.FAILED:
        again = " It will be tried again." if row.embedding_due_at else ""
        return State("failed", f"{row.embedding_error}{again}")
    if row.embedding_status == EmbeddingStatus.PENDING:
        waits = "read" if row.image else "fetched from its address"
        return State("pending", row.embedding_error or f"The picture waits to be {waits}.")
    if identity and row.embedder != identity:
        return State("outdated", f"The vector is {row.embedder}'s; run build_embeddings to renew.")
    return State("ready", "Its vector is up to date.")


def outdated(identity: str) -> Q:
    """Rows whose vector is of another embedder than this one."""
    return STATES["ready"] & ~Q(embedder=identity)


def current_identity() -> str:
    """The identity of the embedder that the settings name, "" while it is not prepared."""
    try:
        return wanted_embedder().identity
    except EmbedderUnavailable:
        return ""


def count_invisible() -> Invisible:
    """The products that search can't find, counted in one query."""
    states = ("missing", "failed", "pending")
    counts = {state: Count("pk", filter=STATES[state]) for state in states}
    return Invisible(**Product.objects.filter(INVISIBLE).aggregate(**counts))
