"""Who works on a picture, and what comes of it. The database is the queue.

Every write is a compare-and-swap on what was read, so that a picture that was replaced or deleted
meanwhile, and a second worker with the same message, change nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db.models import F
from django.utils import timezone
from numpy.typing import NDArray

from catalog.models import (
    AT_ONCE,
    IN_WORK,
    STOPPED_WORKER,
    EmbeddedPicture,
    EmbeddedQuerySet,
    EmbeddingStatus,
)
from catalog.pictures import StoredPicture
from catalog.vectors import InvalidVector, to_bytes

STOPS = 3  # a picture that stops its worker so often is given up
TRIES = 8  # and one that can't be read for other reasons than itself
FIRST_PAUSE = 8  # seconds; doubled with every attempt
LONGEST_PAUSE = 300


@dataclass(frozen=True)
class Claim:
    """The right to work on a picture, as it was when its row was read."""

    model: type[EmbeddedPicture]
    id: int
    image: StoredPicture
    attempt: int  # 1 the first time


@dataclass(frozen=True)
class Outcome:
    """What became of a picture: "ready", "failed" or "void".

    Void: it was replaced or deleted meanwhile, or another worker has it.
    """

    id: int
    status: str
    reason: str = ""


def claim(row: EmbeddedPicture) -> Claim | None:
    """Take the picture, unless another worker was first. The attempt counts from here.

    A worker that dies leaves the claim behind; it lapses when the next attempt is due.
    """
    attempt = row.embedding_attempts + 1
    unclaimed = type(row).objects.filter(
        pk=row.pk, image=row.image.name, embedding_due_at=row.embedding_due_at
    )
    taken = unclaimed.update(
        embedding_attempts=F("embedding_attempts") + 1,
        embedding_due_at=timezone.now() + pause(attempt),
        embedding_error=IN_WORK,
    )
    return Claim(type(row), row.pk, row.image, attempt) if taken else None


def pause(attempt: int) -> timedelta:
    """How long after this attempt the next one may come."""
    return timedelta(seconds=min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE))


def give_up(rows: EmbeddedQuerySet) -> int:
    """Fail those of the rows that have stopped their worker too often; how many there were."""
    lapsed = rows.filter(embedding_due_at__lte=timezone.now(), embedding_error=IN_WORK)
    stopped = lapsed.filter(embedding_attempts__gte=STOPS)
    return stopped.update(
        embedding_status=EmbeddingStatus.FAILED,
        embedding_error=STOPPED_WORKER,
        embedding_due_at=None,
    )


def write_vector(claim: Claim, vector: NDArray[np.float32], identity: str) -> Outcome:
    """Store a picture's vector (dim,)."""
    try:
        embedding = to_bytes(vector)
    except InvalidVector as error:
        return write_failure(claim, str(error))
    columns = {
        "embedding": embedding,
        "embedder": identity,
        "embedding_digest": claim.image.digest,
        "embedding_status": EmbeddingStatus.READY,
        "embedding_error": "",
        "embedding_attempts": 0,
        "embedding_due_at": AT_ONCE,
        "embedded_at": timezone.now(),
    }
    return _compare_and_swap(claim, Outcome(claim.id, EmbeddingStatus.READY), columns)


def write_failure(claim: Claim, reason: str, *, may_mend: bool = False) -> Outcome:
    """Store why a picture has no vector; where that may mend, it is tried some times more."""
    failed = EmbeddingStatus.FAILED
    columns: dict[str, object] = {"embedding_status": failed, "embedding_error": reason}
    if not may_mend or claim.attempt >= TRIES:
        columns["embedding_due_at"] = None
    return _compare_and_swap(claim, Outcome(claim.id, failed, reason), columns)


def _compare_and_swap(claim: Claim, outcome: Outcome, columns: Mapping[str, object]) -> Outcome:
    """Write only where the row still has the picture that was read; its name is its digest."""
    unchanged = claim.model.objects.filter(pk=claim.id, image=claim.image.name)
    return outcome if unchanged.update(**columns) else Outcome(claim.id, "void")
