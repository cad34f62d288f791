"""LiveIndex: the vectors that a process searches, kept in step with the database."""

import logging
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
from django.conf import settings

from search.index.corpus import IndexCorpus, Item, segment_of
from search.index.reading import RangeReader, Tallies, Tally, ids_of, read_tallies, read_total
from search.index.snapshots import (
    LINK,
    InvalidSnapshot,
    Part,
    Snapshot,
    exclusive,
    load_snapshot,
    remove_snapshots,
    save_snapshot,
)
from search.ranking import Positions

logger = logging.getLogger(__name__)

EMPTY = (0, 0, 0, 0)  # the tally of a range without rows

# Rows that changed since the snapshot are ranked without bounds, and every process has its own copy
# of them. A worker writes a new snapshot once they are more than this plus a hundredth of the
# snapshot's rows; any other process does so at twice as many.
OVERLAY_ROWS = 5000


@dataclass(frozen=True)
class _Change:
    """How a range differs from the snapshot."""

    dead: Positions  # items of the snapshot
    items: list[Item]  # new or changed


class LiveIndex:
    """The corpus of one embedder's vectors: a snapshot's files and what changed since.

    Threads share it. Without files, or where none can be written, it keeps everything in memory.
    """

    def __init__(self, identity: str, dim: int) -> None:
        self._identity, self._dim = identity, dim
        self._folder = Path(settings.INDEX_DIR) / identity
        self._reader = RangeReader(identity, dim)
        self._refreshing = threading.RLock()
        self._checked = float("-inf")
        self._check_seconds = 0.0  # that the last check took
        self._can_write = True
        self._files = ""
        self._start_from(Snapshot(segment_of([], dim), {}))

    def corpus(self) -> IndexCorpus:
        """The catalog as it was in the database at most INDEX_REFRESH_SECONDS ago.

        Slow checks are rarer, see `pause_after`. While one thread follows the database, the others
        get the previous corpus.
        """
        is_first = self._checked < 0
        if self._refreshing.acquire(blocking=is_first):
            try:
                if monotonic() - self._checked >= pause_after(self._check_seconds):
                    self._refresh()
                    self._checked = monotonic()
            finally:
                self._refreshing.release()
        return self._corpus

    @property
    def lag(self) -> float:
        """Seconds since the corpus was last seen to equal the database."""
        return monotonic() - self._checked

    def compact(self) -> None:
        """Write a snapshot of the current catalog unless the one in use is. Raises OSError."""
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
        """Delete the snapshot; processes that have it mapped can go on using it."""
        remove_snapshots(self._folder)

    def _refresh(self) -> None:
        self._open_files()
        started = monotonic()
        total = read_total()
        self._check_seconds = monotonic() - started
        if total != self._total():
            self._follow(read_tallies())
            self._corpus = self._assembled()

    def _open_files(self) -> None:
        """Start from a new snapshot if there is one; a deleted one stays mapped."""
        try:
            in_use = str((self._folder / LINK).readlink())
        except OSError:  # there is none
            return
        if in_use == self._files:
            return
        self._files = in_use
        try:
            self._start_from(load_snapshot(self._folder))
        except InvalidSnapshot as error:
            logger.warning("%s The vectors are read from the database instead.", error)

    def _start_from(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._tallies = dict(snapshot.tallies)
        self._changes: dict[int, _Change] = {}  # by range
        self._corpus = self._assembled()

    def _follow(self, current: Tallies) -> None:
        """Read the ranges whose tallies differ; compact when the overlay becomes large."""
        numbers = current.keys() | self._tallies.keys()
        for number in sorted(numbers):
            if current.get(number, EMPTY) == self._tallies.get(number, EMPTY):
                continue
            items, self._tallies[number] = self._reader.read(number, self._known(number))
            self._changes[number] = self._change(number, items)
            changes = self._changes.values()
            overlay_rows = sum(len(item.rows) for change in changes for item in change.items)
            if self._can_write and overlay_rows > 2 * self._most_changed():
                try:
                    self.compact()
                except OSError:
                    logger.exception("No snapshot can be written to %s.", self._folder)
                self._can_write = not self._changes
                self._follow(read_tallies())
                return

    def _change(self, number: int, items: list[Item]) -> _Change:
        place = self._place(number)
        before = self._snapshot.segment.items(place)
        old = {item.product: item for item in before}
        new = [item for item in items if old.get(item.product) != item]
        same = {item.product for item in items} - {item.product for item in new}
        dead = [place.start + n for n, item in enumerate(before) if item.product not in same]
        return _Change(np.array(dead, np.intp), new)

    def _known(self, number: int) -> list[Item]:
        """All items of a range that have been read, later ones last."""
        change = self._changes.get(number)
        return self._snapshot.segment.items(self._place(number)) + (change.items if change else [])

    def _parts(self, current: Tallies) -> Iterator[Part]:
        """The ranges of a new snapshot; those that have not changed come from the old one."""
        for number, tally in sorted(current.items()):
            if self._snapshot.tallies.get(number) == tally:
                yield number, tally, self._snapshot.segment.part(self._place(number))
            else:
                items, read = self._reader.read(number, self._known(number))
                yield number, read, segment_of(items, self._dim)

    def _assembled(self) -> IndexCorpus:
        changes = [change for _, change in sorted(self._changes.items())]
        return IndexCorpus(
            identity=self._identity,
            generation=generation_of(self._total()),
            base=self._snapshot.segment,
            dead=np.concatenate([np.empty(0, np.intp), *(change.dead for change in changes)]),
            overlay=segment_of([item for change in changes for item in change.items], self._dim),
        )

    def _place(self, number: int) -> slice:
        return self._snapshot.segment.between(*ids_of(number))

    def _most_changed(self) -> int:
        return OVERLAY_ROWS + len(self._snapshot.segment.photos) // 100

    def _total(self) -> Tally:
        columns = zip(EMPTY, *self._tallies.values(), strict=True)
        products, revisions, photos, photo_revisions = map(sum, columns)
        return products, revisions, photos, photo_revisions


def pause_after(check_seconds: float) -> float:
    """Seconds until the next check: checks take at most a quarter of the time, or are rare."""
    seconds: float = settings.INDEX_REFRESH_SECONDS
    return max(seconds, min(3 * check_seconds, 10 * seconds))


def generation_of(total: Tally) -> int:
    """The number below 2**32 that stands for a catalog with this tally."""
    return zlib.crc32(repr(total).encode())
