"""Which worker works on which picture, and what is written to its row. The database is the queue.

Every write is a compare-and-swap on what was read: it changes nothing if the picture was replaced
or deleted meanwhile, or if another worker was faster.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db import transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils import timezone
from numpy.typing import NDArray

from catalog.embedding.columns import (
    ALWAYS_DUE,
    IN_WORK_AFTER,
    STOPPED_WORKER,
    EmbeddedPicture,
    EmbeddedQuerySet,
    EmbeddingStatus,
    fetched,
    pending,
)
from catalog.messages import Sentence
from catalog.messages.translation import for_storage
from catalog.pictures.references import discard_after_commit
from catalog.pictures.stored import NewPicture, StoredPicture
from catalog.vectors import InvalidVector, to_bytes

MAX_STOPS = len(IN_WORK_AFTER)  # workers in a row that a picture may stop
MAX_ATTEMPTS = 8  # attempts at a picture whose failure may be temporary
FIRST_PAUSE = 8  # seconds; doubled with every attempt
LONGEST_PAUSE = 300

# Sent before the commit of a new vector, with the arguments sender (the model), claim, identity and
# vector (dim,). A signal, because `catalog` must not import `search`, whose pgvector engine stores
# the vector in the same transaction.
vector_written = Signal()


@dataclass(frozen=True)
class Claim:
    """The right to work on a picture, as it was when its row was read."""

    model: type[EmbeddedPicture]
    id: int
    image: StoredPicture
    image_url: str
    attempt: int  # 1 the first time
    lapses: datetime  # when the next attempt is due

    def rows(self) -> EmbeddedQuerySet:
        """The row, unless it was deleted or has another picture now (names are digests)."""
        rows: EmbeddedQuerySet = self.model.objects.filter(
            pk=self.id, image=self.image.name, image_url=self.image_url
        )
        return rows


@dataclass(frozen=True)
class PictureOutcome:
    """What became of a picture: "ready", "fetched", "unchanged", "failed" or "void".

    "void" means that it was replaced or deleted meanwhile, or that another worker has it.
    """

    id: int
    status: str
    reason: str = ""  # in English, for logs


def pages(rows: EmbeddedQuerySet, size: int) -> Iterator[list[EmbeddedPicture]]:
    """The rows by rising id, with the columns for claims. Each comes once, even if retried."""
    columns = ("embedding_attempts", "embedding_due_at", "embedding_error")
    rows = rows.order_by("pk").only("image_url", *rows.model.PICTURE_COLUMNS, *columns)
    last = 0
    while page := list(rows.filter(pk__gt=last)[:size]):
        yield page
        last = page[-1].pk


def claim(row: EmbeddedPicture, *, seconds: float = 0) -> Claim | None:
    """Claim the picture and count the attempt. Returns None if another worker was first.

    A worker that dies leaves its claim behind. The claim lapses when the next attempt is due, but
    lasts for `seconds` at least.
    """
    attempt = row.embedding_attempts + 1
    # An attempt that was left unfinished stopped its worker; one that failed did not.
    was_left = row.embedding_error in IN_WORK_AFTER
    stops = IN_WORK_AFTER.index(row.embedding_error) + 1 if was_left else 0
    lapses = timezone.now() + max(pause(attempt), timedelta(seconds=seconds))
    claimed = Claim(type(row), row.pk, row.image, row.image_url, attempt, lapses)
    unclaimed = claimed.rows().filter(embedding_due_at=row.embedding_due_at)
    taken = unclaimed.update(
        embedding_attempts=F("embedding_attempts") + 1,
        embedding_due_at=lapses,
        embedding_error=IN_WORK_AFTER[min(stops, MAX_STOPS - 1)],
        revision=F("revision"),  # unchanged, because search shows none of these columns
    )
    return claimed if taken else None


def pause(attempt: int) -> timedelta:
    """The time between this attempt and the next one."""
    return timedelta(seconds=min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE))


def give_up(rows: EmbeddedQuerySet) -> int:
    """Fail the rows that have stopped their worker too often. Returns their number."""
    unready = rows.exclude(embedding_status=EmbeddingStatus.READY)
    lapsed = unready.filter(embedding_due_at__lte=timezone.now())
    return lapsed.filter(embedding_error=IN_WORK_AFTER[-1]).update(
        embedding_status=EmbeddingStatus.FAILED,
        embedding_error=STOPPED_WORKER,
        embedding_due_at=None,
    )


def write_picture(claim: Claim, picture: NewPicture, validator: str) -> PictureOutcome:
    """Store a fetched picture; the row then waits for its vector."""
    row = claim.model()  # a new instance, because the claim still needs the old picture
    row.image.save(None, picture, save=False)
    columns = {"image": row.image.name, "image_source_digest": row.image_source_digest}
    if claim.rows().update(**pending() | fetched(validator) | columns):
        row.image.confirm_after_commit()
        return PictureOutcome(claim.id, "fetched")
    discard_after_commit(str(row.image.name))
    return PictureOutcome(claim.id, "void")


def write_vector(claim: Claim, vector: NDArray[np.float32], identity: str) -> PictureOutcome:
    """Store a picture's vector (dim,), and send `vector_written` within the same transaction."""
    try:
        embedding = to_bytes(vector)
    except InvalidVector as error:
        return write_failure(claim, error)
    with transaction.atomic():
        written = claim.rows().update(
            embedding=embedding,
            embedder=identity,
            embedding_digest=claim.image.digest,
            embedding_status=EmbeddingStatus.READY,
            embedding_error="",
            embedding_attempts=0,
            embedding_due_at=ALWAYS_DUE,
            embedded_at=timezone.now(),
        )
        if written:
            vector_written.send(claim.model, claim=claim, identity=identity, vector=vector)
    return PictureOutcome(claim.id, "ready" if written else "void")


def write_failure(
    claim: Claim, reason: Sentence | Exception, *, may_mend: bool = False
) -> PictureOutcome:
    """Store why a picture has no vector. If that may be temporary, it is retried a few times.

    A worker whose picture has been claimed again writes nothing: the other one may have succeeded.
    """
    columns: dict[str, object] = {
        "embedding_status": EmbeddingStatus.FAILED,
        "embedding_error": for_storage(reason),
    }
    if not may_mend or claim.attempt >= MAX_ATTEMPTS:
        columns["embedding_due_at"] = None
    if claim.rows().filter(embedding_due_at=claim.lapses).update(**columns):
        return PictureOutcome(claim.id, "failed", str(reason))
    return PictureOutcome(claim.id, "void")
