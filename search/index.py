"""LiveIndex: the vectors a process ranks, kept in step with the database."""

import threading
import zlib
from functools import cache
from pathlib import Path
from time import monotonic

import numpy as np
from django.conf import settings

from search.facts import (
    Fact,
    Fingerprint,
    Key,
    Vector,
    Vectors,
    fingerprint,
    read_facts,
    read_vectors,
)
from search.ranking import Matrix
from search.snapshots import InvalidSnapshot, Snapshot, empty_snapshot, load_snapshot


class LiveIndex:
    """The current snapshot of one embedder's vectors; threads share it.

    While the network is being changed, the vectors in the database give way to those of the next
    embedder one by one. The files in `snapshot_folder` then keep the old ones.
    """

    def __init__(self, identity: str, dim: int) -> None:
        self._snapshot = empty_snapshot(identity, dim)
        self._kept = _Lookup(self._snapshot)
        self._seen: tuple[int, Fingerprint] | None = None
        self._rejected: dict[Key, int] = {}  # revisions whose vector is unusable: read only once
        self._checked = float("-inf")
        self._refreshing = threading.Lock()

    def snapshot(self) -> Snapshot:
        """The catalog as it was in the database INDEX_REFRESH_SECONDS ago or later."""
        with self._refreshing:
            now = monotonic()
            if now - self._checked >= settings.INDEX_REFRESH_SECONDS:
                self._refresh()
                self._checked = now
        return self._snapshot

    def _refresh(self) -> None:
        folder = snapshot_folder(self._snapshot.identity)
        files = folder.stat().st_ino if folder.exists() else 0
        if self._seen == (files, fingerprint()):
            return
        if self._seen is None or self._seen[0] != files:
            self._kept = _Lookup(_load_or_empty(folder, self._snapshot))
        facts, found = read_facts(self._snapshot.identity)
        self._snapshot = self._assembled(facts, generation=zlib.crc32(repr(found).encode()))
        self._seen = files, found

    def _assembled(self, facts: list[Fact], *, generation: int) -> Snapshot:
        """A snapshot of these facts; only vectors that changed are read."""
        identity, dim = self._snapshot.identity, self._snapshot.matrix.rows.shape[1]
        known = _Lookup(self._snapshot)
        missing = [
            fact
            for fact in facts
            if fact.is_current
            and not known.has_revision(fact)
            and self._rejected.get(fact.key) != fact.revision
        ]
        read = {fact.key: vector for fact, vector in read_vectors(missing, identity, dim)}
        for fact in missing:
            if fact.key in read and read[fact.key] is None:
                self._rejected[fact.key] = fact.revision

        def vector_of(fact: Fact) -> Vector | None:
            if not fact.is_current:
                return self._kept.vector(fact) if self._kept.has_image(fact) else None
            return known.vector(fact) if known.has_revision(fact) else read.get(fact.key)

        rows = np.empty((len(facts), dim), np.float32)
        found: list[Fact] = []
        for fact in facts:
            vector = vector_of(fact)
            if vector is not None:
                rows[len(found)] = vector
                found.append(fact)
        return _snapshot(identity, rows[: len(found)], found, generation)


class _Lookup:
    """A snapshot's rows by picture."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._rows = snapshot.matrix.rows
        self._row = {key: row for row, key in enumerate(snapshot.picture_keys())}
        self._revisions = snapshot.revisions.tolist()
        self._images = snapshot.images.tolist()

    def has_revision(self, fact: Fact) -> bool:
        row = self._row.get(fact.key)
        return row is not None and self._revisions[row] == fact.revision

    def has_image(self, fact: Fact) -> bool:
        row = self._row.get(fact.key)
        return row is not None and self._images[row] == fact.image

    def vector(self, fact: Fact) -> Vector:
        vector: Vector = self._rows[self._row[fact.key]]
        return vector


@cache
def live_index(identity: str, dim: int) -> LiveIndex:
    """The process' one index of an embedder's vectors."""
    return LiveIndex(identity, dim)


def snapshot_folder(identity: str) -> Path:
    """Where the vectors of an embedder are kept that the database no longer has."""
    return Path(settings.INDEX_DIR) / identity


def _load_or_empty(folder: Path, like: Snapshot) -> Snapshot:
    try:
        return load_snapshot(folder)
    except InvalidSnapshot:
        return empty_snapshot(like.identity, like.matrix.rows.shape[1])


def _snapshot(identity: str, rows: Vectors, facts: list[Fact], generation: int) -> Snapshot:
    """Rows (n, dim) and their facts, product by product, as a snapshot."""
    products = np.array([fact.key[0] for fact in facts], np.int64)
    starts = np.flatnonzero(np.diff(products, prepend=-1))
    firsts = [facts[start] for start in starts]
    return Snapshot(
        identity=identity,
        generation=generation,
        matrix=Matrix(rows, starts),
        photos=np.array([fact.key[1] for fact in facts], np.int64),
        images=np.array([fact.image for fact in facts], np.int64),
        revisions=np.array([fact.revision for fact in facts], np.int64),
        products=products[starts],
        categories=np.array([fact.category for fact in firsts], np.int64),
        prices=np.array([fact.price for fact in firsts], np.float64),
    )
