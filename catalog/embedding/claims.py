"""Who works on a picture, and what comes of it. The database is the queue.

Every write is a compare-and-swap on what was read, so that a picture that was replaced or deleted
meanwhile, and a second worker with the same message, change nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np
from django.db import transaction
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
    pending,
)
from catalog.pictures.fields import NewPicture, StoredPicture
from catalog.pictures.references import discard
from catalog.signals import vector_written
from catalog.vectors import InvalidVector, to_bytes

STOPS = 3  # a picture that stops its worker so often is given up
TRIES = 8  # and one that can't be read for other reasons than itself
FIRST_PAUSE = 8  # seconds; doubled with every attempt
LONGEST_PAUSE = 300
COLUMNS = (
    *("pk", "image", "image_url"),
    *("embedding_attempts", "embedding_due_at", "embedding_error"),
)


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
        """The row, unless it was deleted or has another picture now; a name is its digest."""
        rows: EmbeddedQuerySet = self.model.objects.filter(
            pk=self.id, image=self.image.name, image_url=self.image_url
        )
        return rows


@dataclass(frozen=True)
class Outcome:
    """What became of a picture: "ready", "fetched", "failed" or "void".

    Void: it was replaced or deleted meanwhile, or another worker has it.
    """

    id: int
    status: str
    reason: str = ""


def pages(rows: EmbeddedQuerySet, size: int) -> Iterator[list[EmbeddedPicture]]:
    """The rows, ready to be claimed, by rising id, each once, even where one waits again."""
    last = 0
    while page := list(rows.filter(pk__gt=last).order_by("pk").only(*COLUMNS)[:size]):
        yield page
        last = page[-1].pk


def claim(row: EmbeddedPicture, *, seconds: float = 0) -> Claim | None:
    """Take the picture, unless another worker was first. The attempt counts from here.

    A worker that dies leaves the claim behind; it lapses when the next attempt is due, and not
    before so many seconds.
    """
    attempt = row.embedding_attempts + 1
    lapses = timezone.now() + max(pause(attempt), timedelta(seconds=seconds))
    claimed = Claim(type(row), row.pk, row.image, row.image_url, attempt, lapses)
    unclaimed = claimed.rows().filter(embedding_due_at=row.embedding_due_at)
    taken = unclaimed.update(
        embedding_attempts=F("embedding_attempts") + 1,
        embedding_due_at=lapses,
        embedding_error=IN_WORK,
        revision=F("revision"),  # nothing that search could show has changed
    )
    return claimed if taken else None


def pause(attempt: int) -> timedelta:
    """How long after this attempt the next one may come."""
    return timedelta(seconds=min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE))


def give_up(rows: EmbeddedQuerySet) -> int:
    """Fail those of the rows that have stopped their worker too often; how many there were."""
    unready = rows.exclude(embedding_status=EmbeddingStatus.READY)
    lapsed = unready.filter(embedding_due_at__lte=timezone.now(), embedding_error=IN_WORK)
    stopped = lapsed.filter(embedding_attempts__gte=STOPS)
    return stopped.update(
        embedding_status=EmbeddingStatus.FAILED,
        embedding_error=STOPPED_WORKER,
        embedding_due_at=None,
    )


def write_picture(claim: Claim, picture: NewPicture) -> Outcome:
    """Store a picture that was fetched; from here it waits for its vector."""
    row = claim.model()  # one of its own, as the claim holds on to the old picture
    row.image.save(None, picture, save=False)
    columns = {"image": row.image.name, "image_source_digest": row.image_source_digest}
    outcome = _compare_and_swap(claim, Outcome(claim.id, "fetched"), pending() | columns)
    void = outcome.status == "void"
    transaction.on_commit(partial(discard, str(row.image.name)) if void else row.image.confirm)
    return outcome


def write_vector(claim: Claim, vector: NDArray[np.float32], identity: str) -> Outcome:
    """Store a picture's vector (dim,), and tell `vector_written` within the same transaction."""
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
    with transaction.atomic():
        outcome = _compare_and_swap(claim, Outcome(claim.id, EmbeddingStatus.READY), columns)
        if outcome.status == EmbeddingStatus.READY:
            vector_written.send(claim.model, claim=claim, identity=identity, vector=vector)
    return outcome


def write_failure(claim: Claim, reason: str, *, may_mend: bool = False) -> Outcome:
    """Store why a picture has no vector; where that may mend, it is tried some times more.

    A worker whose claim has lapsed has no say: another may have succeeded meanwhile.
    """
    failed = EmbeddingStatus.FAILED
    columns: dict[str, object] = {"embedding_status": failed, "embedding_error": reason}
    if not may_mend or claim.attempt >= TRIES:
        columns["embedding_due_at"] = None
    held = claim.rows().filter(embedding_due_at=claim.lapses)
    return Outcome(claim.id, failed, reason) if held.update(**columns) else _void(claim)


def _compare_and_swap(claim: Claim, outcome: Outcome, columns: Mapping[str, object]) -> Outcome:
    """Write only where the row still has the picture that was read."""
    return outcome if claim.rows().update(**columns) else _void(claim)


def _void(claim: Claim) -> Outcome:
    return Outcome(claim.id, "void")
