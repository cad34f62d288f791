"""The right of one process to work on a run, and what it writes to the run."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from time import monotonic
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from catalog.models import Feed, FeedRun

# Renewed by every write. A worker that is killed leaves its run alone for so long.
LEASE = timedelta(minutes=5)
RENEWAL_SECONDS = 60.0


class Stopped(Exception):
    """This process may not go on with the run: its time is up, or another one has the run."""


@dataclass
class Turn:
    """A run that this process works on, until `end` of the monotonic clock."""

    run: FeedRun
    end: float = inf
    renewed: float = field(default_factory=monotonic)  # when the lease was

    def write(self, **columns: Any) -> None:
        """Write to the run and renew the lease. Raises Stopped, which undoes a transaction."""
        columns = {"lease_until": timezone.now() + LEASE} | columns
        own = FeedRun.objects.filter(pk=self.run.pk, worker=self.run.worker, ended_at=None)
        if not own.update(**columns):
            raise Stopped
        self.renewed = monotonic()
        for name, value in columns.items():
            setattr(self.run, name, value)

    def check_time(self) -> None:
        """Raises Stopped once the time is up."""
        if monotonic() > self.end:
            raise Stopped

    def keep_lease(self) -> None:
        """Renew the lease if nothing was written for a while. Raises Stopped."""
        if monotonic() > self.renewed + RENEWAL_SECONDS:
            self.write()

    def release(self, **columns: Any) -> None:
        """Let others go on with the run, if it has not ended."""
        own = FeedRun.objects.filter(pk=self.run.pk, worker=self.run.worker, ended_at=None)
        own.update(lease_until=None, **columns)


def take_turn(feed: Feed, end: float) -> Turn | None:
    """A turn at the feed's unfinished run, or at a new one; None while another process has it."""
    claim: dict[str, Any] = {"worker": secrets.token_hex(16), "lease_until": timezone.now() + LEASE}
    run = feed.runs.filter(ended_at=None).first()
    if run is None:
        try:
            with transaction.atomic():
                return Turn(feed.runs.create(**claim), end)
        except IntegrityError:  # another process has just begun one
            return None
    free = Q(lease_until=None) | Q(lease_until__lt=timezone.now())
    if not FeedRun.objects.filter(free, pk=run.pk, ended_at=None).update(
        **claim, stops=F("stops") + 1
    ):
        return None
    run.refresh_from_db()
    return Turn(run, end)


def is_in_work(feed: Feed) -> bool:
    """Whether a process works on the feed right now."""
    return feed.runs.filter(ended_at=None, lease_until__gt=timezone.now()).exists()
