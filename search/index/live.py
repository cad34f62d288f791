"""LiveIndex: the vectors a process searches, kept in step with the database."""

import logging
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
from django.conf import settings

from search.index.corpus import IndexCorpus
from search.index.facts import Tallies, Tally, ids_of, read_tallies, read_total
from search.index.ranges import BucketReader
from search.index.segments import Item, segment_of
from search.index.snapshots import (
    InvalidSnapshot,
    Part,
    Snapshot,
    exclusive,
    load_snapshot,
    remove_snapshots,
    save_snapshot,
    snapshot_in_use,
)
from search.ranking import Positions

logger = logging.getLogger(__name__)

NOTHING = (0, 0, 0, 0)  # the tally of an empty bucket

# What changed since the snapshot is ranked row by row, and every process has a copy of its own. A
# worker writes another snapshot at so many rows, and a hundredth of the snapshot's; a process that
# finds twice as many does so itself.
OVERLAY_ROWS = 5000


@dataclass(frozen=True)
class _Change:
    """How a bucket differs from the snapshot."""

    dead: Positions  # items of the snapshot
    items: list[Item]  # new or changed


class LiveIndex:
    """The corpus of one embedder's vectors: a snapshot's files, and what changed since.

    Threads share it. Without files, or where none can be written, all of it is kept in memory.
    """

    def __init__(self, identity: str, dim: int) -> None:
        self._identity, self._dim = identity, dim
        self._folder = Path(settings.INDEX_DIR) / identity
        self._reader = BucketReader(identity, dim)
        self._refreshing = threading.RLock()
        self._checked = float("-inf")
        self._look = 0.0  # seconds that the last look at the database took
        self._can_write = True
        self._files = ""
        self._start_from(Snapshot(segment_of([], dim), {}))

    def corpus(self) -> IndexCorpus:
        """The catalog as it was in the database INDEX_REFRESH_SECONDS ago or later.

        Looks that take long are rarer, so that they take a quarter of the time at most.
        While one thread follows the database, the others get the corpus before.
        """
        is_first = self._checked < 0
        if self._refreshing.acquire(blocking=is_first):
            try:
                if monotonic() - self._checked >= self._pause():
                    self._refresh()
                    self._checked = monotonic()
            finally:
                self._refreshing.release()
        return self._corpus

    @property
    def lag(self) -> float:
        """Seconds since the corpus was seen to be what the database has."""
        return monotonic() - self._checked

    def compact(self) -> None:
        """Write a snapshot of the catalog as it is, if the one in use is not. Raises OSError."""
        with self._refreshing, exclusive(self._folder):
            self._open_files()
            current = read_tallies()
            if not self._files or self._snapshot.tallies != current:
                save_snapshot(self._folder, self._parts(current), self._dim)
                self._open_files()

    def compact_if_large(self) -> None:
        """Write a snapshot if much has changed since the last one. Raises OSError."""
        if len(self.corpus().overlay.photos) > self._most_changed():
            self.compact()

    def remove_files(self) -> None:
        """Throw the snapshot away; processes that have it mapped go on with it."""
        remove_snapshots(self._folder)

    def _pause(self) -> float:
        seconds: float = settings.INDEX_REFRESH_SECONDS
        return max(seconds, min(3 * self._look, 10 * seconds))

    def _refresh(self) -> None:
        self._open_files()
        started = monotonic()
        total = read_total()
        self._look = monotonic() - started
        if total != self._total():
            self._follow(read_tallies())
            self._corpus = self._assembled()

    def _open_files(self) -> None:
        """Start from another snapshot if there is one; what was removed stays mapped."""
        in_use = snapshot_in_use(self._folder)
        if in_use in ("", self._files):
            return
        self._files = in_use
        try:
            self._start_from(load_snapshot(self._folder))
        except InvalidSnapshot as error:
            logger.warning("%s The vectors are read from the database instead.", error)

    def _start_from(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._tallies = dict(snapshot.tallies)
        self._changes: dict[int, _Change] = {}  # by bucket
        self._corpus = self._assembled()

    def _follow(self, current: Tallies) -> None:
        for bucket in sorted(_different(current, self._tallies)):
            items, self._tallies[bucket] = self._reader.read(bucket, self._known(bucket))
            self._changes[bucket] = self._change(bucket, items)
            if self._can_write and self._overlay_rows() > 2 * self._most_changed():
                self._compact_and_follow()
                return

    def _compact_and_follow(self) -> None:
        try:
            self.compact()
        except OSError:
            logger.exception("No snapshot can be written to %s.", self._folder)
        self._can_write = not self._changes
        self._follow(read_tallies())

    def _change(self, bucket: int, items: list[Item]) -> _Change:
        place = self._place(bucket)
        before = self._snapshot.segment.items(place)
        old = {item.product: item for item in before}
        new = [item for item in items if old.get(item.product) != item]
        same = {item.product for item in items} - {item.product for item in new}
        dead = [place.start + n for n, item in enumerate(before) if item.product not in same]
        return _Change(np.array(dead, np.intp), new)

    def _known(self, bucket: int) -> list[Item]:
        """What has been read of a bucket, the newest last."""
        change = self._changes.get(bucket)
        return self._snapshot.segment.items(self._place(bucket)) + (change.items if change else [])

    def _parts(self, current: Tallies) -> Iterator[Part]:
        for bucket, tally in sorted(current.items()):
            if self._snapshot.tallies.get(bucket) == tally:
                yield bucket, tally, self._snapshot.segment.part(self._place(bucket))
            else:
                items, read = self._reader.read(bucket, self._known(bucket))
                yield bucket, read, segment_of(items, self._dim)

    def _assembled(self) -> IndexCorpus:
        changes = [change for _, change in sorted(self._changes.items())]
        return IndexCorpus(
            identity=self._identity,
            generation=zlib.crc32(repr(self._total()).encode()),
            base=self._snapshot.segment,
            dead=np.concatenate([np.empty(0, np.intp), *(change.dead for change in changes)]),
            overlay=segment_of([item for change in changes for item in change.items], self._dim),
        )

    def _place(self, bucket: int) -> slice:
        return self._snapshot.segment.between(*ids_of(bucket))

    def _overlay_rows(self) -> int:
        return sum(len(item.rows) for change in self._changes.values() for item in change.items)

    def _most_changed(self) -> int:
        return OVERLAY_ROWS + len(self._snapshot.segment.photos) // 100

    def _total(self) -> Tally:
        columns = zip(NOTHING, *self._tallies.values(), strict=True)
        products, revisions, photos, photo_revisions = map(sum, columns)
        return products, revisions, photos, photo_revisions


def _different(current: Tallies, known: Tallies) -> set[int]:
    return {
        bucket
        for bucket in current.keys() | known.keys()
        if current.get(bucket, NOTHING) != known.get(bucket, NOTHING)
    }
