"""The states of pictures: of one row, in words; of all rows, counted."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy

from catalog.embedders import EmbedderUnavailable
from catalog.embedding.columns import (
    ALWAYS_DUE,
    IN_WORK,
    REMOTE,
    UNREADY,
    EmbeddedPicture,
    EmbeddingStatus,
    embedded_models,
    is_remote,
)
from catalog.serving import wanted_embedder

MISSING = Q(image="") & ~REMOTE
# Each row is in exactly one of these states.
STATES = {
    "ready": Q(embedding_status=EmbeddingStatus.READY) & ~MISSING,
    "pending": Q(embedding_status=EmbeddingStatus.PENDING) & ~MISSING,
    "failed": Q(embedding_status=EmbeddingStatus.FAILED) & ~MISSING,
    "missing": MISSING,
}
STATE_NAMES = {
    **{str(status): status.label for status in EmbeddingStatus},
    "missing": pgettext_lazy("picture", "missing"),
    # Translators: the picture's vector is from another network.
    "outdated": pgettext_lazy("picture", "outdated"),
}
RATE_PERIOD = timedelta(minutes=1)


@dataclass(frozen=True)
class PictureState:
    """One of STATE_NAMES, and a sentence that says why."""

    name: str
    reason: str


def state_of(row: EmbeddedPicture, identity: str) -> PictureState:
    """The state of a row's picture, where `identity` is the present embedder's."""
    if not row.image and not is_remote(row.image_url):
        return PictureState("missing", gettext("There is no picture, so search can't find it."))
    # What is stored is in the shop's language, but for a few constants in English.
    error = row.embedding_error and gettext(row.embedding_error)
    if row.embedding_status == EmbeddingStatus.FAILED:
        if error and row.embedding_due_at:
            error = gettext("%(problem)s It will be tried again.") % {"problem": error}
        return PictureState("failed", error)
    if row.embedding_status == EmbeddingStatus.PENDING:
        waits = gettext("The picture waits to be fetched from its address.")
        if row.image:
            waits = gettext("The picture waits to be read.")
        return PictureState("pending", error or waits)
    if identity and row.embedder != identity:
        reason = gettext("The vector is from %(embedder)s; run build_embeddings to renew it.")
        return PictureState("outdated", reason % {"embedder": row.embedder})
    if row.refetch_error in (None, IN_WORK):
        return PictureState("ready", gettext("Its vector is up to date."))
    failure = gettext(
        "Its vector is up to date. Its address was asked for a newer picture: %(problem)s"
    )
    return PictureState("ready", failure % {"problem": gettext(row.refetch_error or "")})


def outdated(identity: str) -> Q:
    """Rows whose vector is of another embedder than this one."""
    return STATES["ready"] & ~Q(embedder=identity)


def current_identity() -> str:
    """The identity of the embedder that the settings name, or "" if it is not prepared."""
    try:
        return wanted_embedder().identity
    except EmbedderUnavailable:
        return ""


@dataclass(frozen=True)
class Queue:
    """The number of pictures by state, and for how long the oldest waiting one has been due."""

    states: dict[str, int]  # of STATES; pending are also those that a worker has
    oldest: timedelta


def measure_queue() -> Queue:
    """Count all pictures in two queries per model, which read only rows that are not ready."""
    now = timezone.now()
    states, since = Counter(dict.fromkeys(STATES, 0)), []
    due = Q(embedding_due_at__gt=ALWAYS_DUE, embedding_due_at__lte=now) & ~MISSING
    counts = {
        state: Count("pk", filter=condition)
        for state, condition in STATES.items()
        if state != "ready"
    }
    for model in embedded_models():
        unready = model.objects.filter(UNREADY)
        found = unready.aggregate(since=Min("embedding_due_at", filter=due), **counts)
        since.append(found.pop("since") or now)
        states.update(found, ready=model.objects.count() - sum(found.values()))
    return Queue(dict(states), now - min(since))


@dataclass(frozen=True)
class EmbeddingProgress:
    """How many pictures have which state and which embedder's vector, and how fast that changes."""

    wanted: str  # the present embedder's identity, or "" if it is not prepared
    products: dict[str, int]  # pictures of products by state
    photos: dict[str, int]  # further photos by state
    embedders: dict[str, int]  # vectors by identity
    rate: float  # pictures per second, over the last minute

    @property
    def states(self) -> list[tuple[str, int, int]]:
        """State, products, photos."""
        return [(state, count, self.photos[state]) for state, count in self.products.items()]

    @property
    def done(self) -> int:
        """Pictures with a vector of the present embedder."""
        return self.embedders.get(self.wanted, 0)

    @property
    def left(self) -> int:
        """Pictures that wait for such a vector, without those that failed."""
        pending = self.products["pending"] + self.photos["pending"]
        return pending + sum(self.embedders.values()) - self.done

    @property
    def seconds_left(self) -> float | None:
        """How long that takes at this rate; None while the rate is 0."""
        return self.left / self.rate if self.rate else None


def measure_progress() -> EmbeddingProgress:
    """Count all pictures in three queries per model."""
    now = timezone.now()
    counts = {name: Count("pk", filter=condition) for name, condition in STATES.items()}
    products, photos = (model.objects.aggregate(**counts) for model in embedded_models())
    embedders: Counter[str] = Counter()
    recent, starts = 0, [now]
    for model in embedded_models():
        ready = model.objects.filter(embedding_status=EmbeddingStatus.READY).order_by()
        embedders.update(dict(ready.values_list("embedder").annotate(Count("pk"))))
        done = model.objects.filter(embedded_at__gte=now - RATE_PERIOD)
        found = done.aggregate(count=Count("pk"), first=Min("embedded_at"))
        recent += found["count"]
        starts.append(found["first"] or now)
    rate = recent / max(1.0, (now - min(starts)).total_seconds())
    return EmbeddingProgress(current_identity(), products, photos, dict(embedders), rate)
