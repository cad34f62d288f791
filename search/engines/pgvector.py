"""The engine of a shop that has outgrown one machine: vectors beside the products, in PostgreSQL.

A search sees what its transaction sees. Its answers are those of the NumPy engine to the part of
the catalog that can be among them, see `candidates` and `pools`.
"""

import zlib
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
from django.conf import settings
from django.db import connection

from catalog.embedding.claims import Claim
from search.engines import Facts, Scope, tables
from search.engines.candidates import count_searched, read_candidates
from search.engines.pools import Pool, segment_of
from search.index import segments
from search.index.facts import Tally, read_total
from search.index.segments import Vector
from search.orders.publishing import published, revision
from search.queries.query import Query
from search.ranking import Tuning

BUILDING = 7_405_321_964_118  # the lock of who builds


@dataclass(frozen=True)
class _Seen:
    """What there was to search, and its order, when that was looked at."""

    until: float  # by `monotonic`, when to look again
    total: Tally
    tuning_revision: int
    products: int = 0
    tuning: Tuning | None = None


_seen: dict[str, _Seen] = {}  # by embedder


def corpus(query: Query, scope: Scope) -> Pool:
    """What can be among the answers; nothing while there is no table."""
    seen, dim = _look(query.embedder, len(query.vector)), len(query.vector)
    candidates = read_candidates(query, scope, seen.products) if seen.products else []
    return Pool(
        identity=query.embedder,
        generation=_generation(seen),
        base=segment_of(candidates),
        dead=np.empty(0, np.intp),
        overlay=segments.segment_of([], dim),
        tuning=seen.tuning,
        query=query,
        searched=seen.products,
        scores=np.array([-candidate.distance for candidate in candidates]),
        settled=np.zeros(len(candidates), bool),
    )


def facts(identity: str, dim: int) -> Facts:
    """What the database has."""
    seen = _look(identity, dim)
    return Facts(seen.products, _generation(seen), 0.0)


def store(claim: Claim, identity: str, vector: Vector) -> None:
    """Write the vector to the table; where there is none yet, `build` will find it."""
    if tables.exists():
        tables.store(claim.model, identity, [tables.Stored(claim.id, str(claim.image), vector)])


def build(identity: str, dim: int) -> None:
    """Make the table, fill it, and build the graph. Raises EngineUnavailable."""
    tables.create(dim)
    with connection.cursor() as cursor:
        # Whoever waited for the lock would hold up the building of the graph, which waits for him.
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [BUILDING])
        if cursor.fetchone() == (False,):
            return
        try:
            tables.fill(identity, dim)
            tables.build_graph(identity, dim)
            tables.remove_stale(identity)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [BUILDING])


def keep_up(identity: str, dim: int) -> None:
    """Remove what no search counts any more."""
    if tables.exists():
        tables.remove_stale(identity)


def forget(identity: str, dim: int) -> None:
    """Remove the vectors and their graph."""
    tables.remove(identity)


def _look(identity: str, dim: int) -> _Seen:
    """What there is to search, counted anew only when something has changed."""
    seen, started = _seen.get(identity), monotonic()
    if seen is None or started >= seen.until:
        total, order = read_total(), revision(identity)
        if seen is None or (seen.total, seen.tuning_revision) != (total, order):
            products = count_searched(identity) if tables.exists() else 0
            seen = _Seen(0, total, order, products, published(identity, dim))
        seen = _seen[identity] = replace(seen, until=monotonic() + _pause(monotonic() - started))
    return seen


def _pause(look: float) -> float:
    """Seconds to the next look: looks take a quarter of the time at most, or are rare."""
    seconds: float = settings.INDEX_REFRESH_SECONDS
    return max(seconds, min(3 * look, 10 * seconds))


def _generation(seen: _Seen) -> int:
    return zlib.crc32(repr((seen.total, seen.tuning_revision)).encode())
