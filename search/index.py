"""LiveIndex: the vectors a process ranks, kept in step with the database."""

import logging
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from time import monotonic

import numpy as np
from django.conf import settings
from django.db.models import Count, Sum
from numpy.typing import NDArray

from catalog.models import EmbeddedQuerySet, Product
from catalog.vectors import InvalidVector, from_bytes

logger = logging.getLogger(__name__)

Vector = NDArray[np.float32]  # (dim,)
Matrix = NDArray[np.float32]  # (n, dim)

CHUNK = 500  # vectors to a query


@dataclass(frozen=True)
class Snapshot:
    """The searchable catalog at one moment, never changed; positions count along all arrays."""

    identity: str  # the embedder's
    rows: NDArray[np.float32]  # (n, dim), unit rows
    ids: NDArray[np.int64]  # (n,), of the products, rising
    revisions: NDArray[np.int64]  # (n,)
    categories: NDArray[np.int64]  # (n,), ids
    prices: NDArray[np.float64]  # (n,)
    rejected: dict[int, int]  # id -> revision of products whose vector is unusable

    @property
    def fingerprint(self) -> tuple[int, int]:
        """How many rows the database had, and the sum of their revisions.

        The sum of random numbers tells sets of rows apart in whatever order they were committed.
        """
        revisions = int(self.revisions.sum()) + sum(self.rejected.values())
        return len(self.ids) + len(self.rejected), revisions

    @property
    def generation(self) -> int:
        """A number that every process gives to the same searchable catalog, below 2**32."""
        return zlib.crc32(repr((self.identity, self.fingerprint)).encode())

    def known(self) -> dict[int, int]:
        """id -> revision of every product that was read."""
        return dict(zip(self.ids.tolist(), self.revisions.tolist(), strict=True)) | self.rejected


class LiveIndex:
    """The current snapshot of one embedder's vectors; threads share it."""

    def __init__(self, identity: str, dim: int) -> None:
        empty = np.empty(0, np.int64)
        rows = np.empty((0, dim), np.float32)
        self._snapshot = Snapshot(identity, rows, empty, empty, empty, np.empty(0), {})
        self._checked = float("-inf")
        self._refreshing = threading.Lock()

    def snapshot(self) -> Snapshot:
        """The catalog as it was in the database INDEX_REFRESH_SECONDS ago or later."""
        with self._refreshing:
            now = monotonic()
            if now - self._checked >= settings.INDEX_REFRESH_SECONDS:
                self._snapshot = _refreshed(self._snapshot)
                self._checked = now
        return self._snapshot


@cache
def live_index(identity: str, dim: int) -> LiveIndex:
    """The process' one index of an embedder's vectors."""
    return LiveIndex(identity, dim)


def _refreshed(snapshot: Snapshot) -> Snapshot:
    searchable = Product.objects.filter(active=True).searchable(snapshot.identity)
    found = searchable.order_by().aggregate(count=Count("pk"), revisions=Sum("revision"))
    if (found["count"], found["revisions"] or 0) == snapshot.fingerprint:
        return snapshot
    return _reloaded(snapshot, searchable)


def _reloaded(old: Snapshot, searchable: EmbeddedQuerySet) -> Snapshot:
    """The snapshot of now; only vectors that changed are read.

    A row that changes while this reads is left out, and comes in at the next look.
    """
    facts = list(searchable.order_by("pk").values_list("pk", "revision", "category_id", "price"))
    known = old.known()
    wanted = {pk: revision for pk, revision, *_ in facts if known.get(pk) != revision}
    read = dict(_vectors(searchable, wanted, old.rows.shape[1]))
    rejected = {pk: old.rejected[pk] for pk, *_ in facts if pk in old.rejected and pk not in wanted}
    rejected |= {pk: wanted[pk] for pk, vector in read.items() if vector is None}
    facts = [
        fact
        for fact in facts
        if fact[0] not in rejected and (fact[0] not in wanted or fact[0] in read)
    ]
    ids, revisions, categories, prices = zip(*facts, strict=True) if facts else ((), (), (), ())
    return Snapshot(
        identity=old.identity,
        rows=_merged(old, ids, read),
        ids=np.array(ids, np.int64),
        revisions=np.array(revisions, np.int64),
        categories=np.array(categories, np.int64),
        prices=np.array(prices, np.float64),
        rejected=rejected,
    )


def _vectors(
    searchable: EmbeddedQuerySet, wanted: dict[int, int], dim: int
) -> Iterator[tuple[int, Vector | None]]:
    """The vectors of these revisions by product id, None for an unusable one."""
    ids = list(wanted)
    for start in range(0, len(ids), CHUNK):
        stored = searchable.filter(pk__in=ids[start : start + CHUNK])
        for pk, revision, data in stored.values_list("pk", "revision", "embedding"):
            if revision != wanted[pk]:
                continue
            try:
                yield pk, from_bytes(data, dim)
            except InvalidVector as error:
                logger.warning("Product %d is left out of the search. %s", pk, error)
                yield pk, None


def _merged(old: Snapshot, ids: Sequence[int], read: dict[int, Vector | None]) -> Matrix:
    rows = np.empty((len(ids), old.rows.shape[1]), np.float32)
    kept = np.array([pk not in read for pk in ids], bool)
    rows[kept] = old.rows[np.searchsorted(old.ids, np.array(ids, np.int64)[kept])]
    for position in np.flatnonzero(~kept).tolist():
        rows[position] = read[ids[position]]
    return rows
