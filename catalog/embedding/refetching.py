"""Asks the addresses of stored pictures whether they have changed, and fetches those that have.

`refetch_at` says when a row's address is asked next; it is also the claim of the worker that asks.
As in `claims`, every write is a compare-and-swap on what was read. A stored picture stays until the
one that replaces it has passed the gate.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, inf
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from catalog.embedding.claims import PictureOutcome
from catalog.embedding.columns import (
    ALWAYS_DUE,
    IN_WORK,
    NEVER,
    EmbeddedPicture,
    EmbeddedQuerySet,
    EmbeddingStatus,
    fetched,
    pending,
    refetch_period,
)
from catalog.fetching.fetcher import Answer, FetchError
from catalog.fetching.remote import fetch_catalog_picture
from catalog.messages import Sentence, sentence
from catalog.messages.translation import for_storage
from catalog.pictures.gate import InvalidImage
from catalog.pictures.references import discard_after_commit
from catalog.pictures.slots import DECODING, STAFF, Busy
from catalog.pictures.storage import NotStored
from catalog.pictures.stored import NewPicture, StoredPicture, sha256

FETCHERS = 8  # threads, which only wait for servers
HOST_FETCHES = 2  # at a time from one host, whose shoppers come first
RUN_PICTURES = 100  # of one model and one kind in one run
LEASE = timedelta(minutes=10)  # for which a worker has a picture
RETRY = timedelta(days=1)  # after a failure
STOPPED = sentence("Fetching this picture again stopped the worker twice. The stored one is kept.")
DIFFERS = sentence(
    "The address has another picture than the one stored here, which may be an upload and is kept."
    " Fetch it again to replace it."
)

Asking = dict[Future[Answer], "Check"]


@dataclass(frozen=True)
class Check:
    """The right to ask a picture's address, and its row as it was when that was claimed."""

    model: type[EmbeddedPicture]
    id: int
    image: StoredPicture
    image_url: str
    source_digest: str
    refetch_at: datetime | None  # None for a picture that may not have come from the address

    def rows(self) -> EmbeddedQuerySet:
        """The row, unless its picture or address changed, or another worker has claimed it."""
        rows: EmbeddedQuerySet = self.model.objects.filter(
            pk=self.id,
            image=self.image.name,
            image_url=self.image_url,
            refetch_at=self.refetch_at,
        )
        return rows

    def write(
        self, status: str, reason: Sentence | Exception | None = None, /, **columns: Any
    ) -> PictureOutcome:
        """Write columns that no search sees, and why this failed; the revision stays."""
        if reason:
            columns["refetch_error"] = for_storage(reason)
        if not self.rows().update(**columns, revision=F("revision")):
            return PictureOutcome(self.id, "void")
        return PictureOutcome(self.id, status, str(reason or ""))


def due_now(model: type[EmbeddedPicture], run: timedelta) -> list[EmbeddedPicture]:
    """The rows whose turn it is in a run that takes place every `run`.

    Those that were asked for come first. The scheduled ones, the oldest first, are spread over the
    period: a run takes twice its share, which makes up for runs that are left out.
    """
    due = model.objects.refetch_due().order_by("refetch_at", "pk")
    runs = max(1, int(refetch_period() / run))
    share = min(RUN_PICTURES, ceil(2 * model.objects.count() / runs))
    rows = [
        *due.filter(refetch_at=ALWAYS_DUE)[:RUN_PICTURES],
        *due.filter(refetch_at__gt=ALWAYS_DUE)[:share],
    ]
    if settings.REFETCH_DAYS:
        # Pictures that are older than the schedule have their turn by id, once in a period, and no
        # column needs to be written for all of them at once.
        last = model.objects.order_by("pk").values_list("pk", flat=True).last() or 0
        width = ceil(last / runs)
        begin = int(timezone.now().timestamp() / run.total_seconds()) % runs * width
        turn = model.objects.unscheduled().filter(pk__gt=begin, pk__lte=begin + width)
        rows += turn.order_by("pk")[:RUN_PICTURES]
    return rows


def refetch_pictures(
    rows: Iterable[EmbeddedPicture], *, seconds: float | None = None
) -> Iterator[PictureOutcome]:
    """Ask the addresses of these rows; yields an outcome for each once it is committed.

    Outcomes are "unchanged", "failed" and "void", or "fetched" for a changed picture, which then
    waits for its vector. After `seconds` no other address is asked.
    """
    end = inf if seconds is None else monotonic() + seconds
    waiting, asking = list(rows), Asking()
    with ThreadPoolExecutor(FETCHERS, thread_name_prefix="refetch") as fetchers:
        while True:
            busy = Counter(_host(check.image_url) for check in asking.values())
            free = (row for row in waiting if busy[_host(row.image_url)] < HOST_FETCHES)
            row = next(free, None) if len(asking) < FETCHERS and monotonic() < end else None
            if row is not None:
                waiting.remove(row)
                if check := _claim(row):
                    validator = (row.image_validator or "") if row.image.is_stored() else ""
                    future = fetchers.submit(fetch_catalog_picture, check.image_url, validator)
                    asking[future] = check
            elif asking:
                for future in wait(asking, return_when=FIRST_COMPLETED).done:
                    yield _store(asking.pop(future), future)
            else:
                return


def _host(url: str) -> str:
    return url.split("/")[2].lower()


def _claim(row: EmbeddedPicture) -> Check | None:
    """Claim the row. Returns None if it has changed, or another worker was first."""
    read = Check(
        type(row), row.pk, row.image, row.image_url, row.image_source_digest, row.refetch_at
    )
    if row.refetch_at is None:
        return read  # a claim would make this picture look like the address's own
    # A picture that has stopped a worker gets another chance soon, and then one in each period.
    columns: dict[str, Any] = {"refetch_at": timezone.now() + LEASE, "refetch_error": IN_WORK}
    if row.refetch_error == IN_WORK:
        columns["refetch_at"] = timezone.now() + refetch_period()
        columns["refetch_error"] = for_storage(STOPPED)
    if not read.rows().update(**columns, revision=F("revision")):
        return None
    return replace(read, refetch_at=columns["refetch_at"])


def _store(check: Check, future: Future[Answer]) -> PictureOutcome:
    """Write to the row what its address gave."""
    try:
        answer = future.result()
        is_same = answer.is_modified and check.source_digest == sha256(answer.body)
        if not answer.is_modified or (is_same and check.image.is_stored()):
            return check.write("unchanged", **fetched(answer.validator))
        if check.refetch_at is None and not is_same:
            return check.write("failed", DIFFERS, refetch_at=NEVER)
        with DECODING.one(STAFF):  # without a broker, this is a web process
            picture = NewPicture(answer.body)
        return _replace_picture(check, picture, answer.validator)
    except (FetchError, InvalidImage, NotStored, Busy) as error:
        pause = LEASE if isinstance(error, Busy) else min(RETRY, refetch_period())
        again = check.refetch_at and timezone.now() + pause
        return check.write("failed", error, refetch_at=again)


def _replace_picture(check: Check, picture: NewPicture, validator: str) -> PictureOutcome:
    row = check.model()  # a new instance, because the check still needs the old picture
    row.image.save(None, picture, save=False)
    new, old = str(row.image.name), str(check.image.name)
    columns = {"image": new, "image_source_digest": row.image_source_digest}
    with transaction.atomic():
        outcome = check.write("unchanged", **columns, **fetched(validator))
        if outcome.status == "void":
            discard_after_commit(new)
            return outcome
        row.image.confirm_after_commit()
        if new != old:
            discard_after_commit(old)
        ready = Q(embedding_status=EmbeddingStatus.READY, embedding_digest=row.image.digest)
        same: EmbeddedQuerySet = check.model.objects.filter(pk=check.id)
        if same.exclude(ready).update(**pending()):
            return PictureOutcome(check.id, "fetched")
    return outcome
