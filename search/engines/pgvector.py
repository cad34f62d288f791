"""The engine of a shop that has outgrown one machine: vectors beside the products, in PostgreSQL.

A search sees what its transaction sees. Its answers are those of the NumPy engine to the part of
the catalog that can be among them, see `candidates` and `pools`.
"""

from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from time import monotonic

import numpy as np
from django.db import connection

from catalog.embedding.claims import Claim
from search.engines import Corpus, Scope, Status, candidates, tables
from search.engines.pools import Pictures, Pool, TableCorpus, candidate_segment, pool_of
from search.index import IndexCorpus, generation_of, pause_after
from search.index.corpus import Vector, segment_of
from search.index.reading import Tally, read_total
from search.orders.publishing import OrderReader, PublishedOrder

BUILDING = 7_405_321_964_118  # the advisory lock of the session that builds


@dataclass(frozen=True)
class _Seen:
    """What there was to search when the database was last asked."""

    until: float  # by `monotonic`, when to ask again
    total: Tally
    products: int


class PgvectorEngine:
    """Searches the table of vectors; implements `Engine`."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}  # by embedder
        self._readers: dict[str, OrderReader] = {}

    def corpus(self, identity: str, dim: int) -> Corpus:
        """As `Engine.corpus`; the vectors of a small catalog are read at once."""
        whole = self._whole(identity, dim)
        if not 0 < whole.searched <= candidates.FEW or whole.row_count > candidates.FEW:
            return whole
        vectors, is_known = whole.listed.vectors(np.arange(whole.row_count))
        base = candidate_segment(list(compress(whole.listed.found, is_known)))
        return IndexCorpus(
            identity=identity,
            generation=whole.generation,
            base=replace(base, matrix=replace(base.matrix, rows=vectors[is_known])),
            dead=np.empty(0, np.intp),
            overlay=segment_of([], dim),
            tuning=whole.tuning,
        )

    def candidates(self, identity: str, vector: Vector, scope: Scope) -> Pool:
        """What can be among the answers; nothing while there is no table."""
        whole = self._whole(identity, len(vector))
        found: list[candidates.Candidate] = []
        if whole.searched:
            found = candidates.read_candidates(identity, vector, scope, searched=whole.searched)
        return pool_of(found, vector, whole)

    def status(self, identity: str, dim: int) -> Status:
        """What the database has."""
        seen, order = self._look(identity), self._order(identity, dim)
        return Status(seen.products, order.generation(generation_of(seen.total)), 0.0)

    def store(self, claim: Claim, identity: str, vector: Vector) -> None:
        """Write the vector to the table; where there is none yet, `build` will find it."""
        if tables.exists():
            tables.store(claim.model, identity, [tables.Stored(claim.id, str(claim.image), vector)])

    def build(self, identity: str, dim: int) -> None:
        """Create the table, fill it, and build the graph. Raises EngineUnavailable."""
        tables.check_length(dim)
        with connection.schema_editor() as editor:
            tables.create(editor)
        with connection.cursor() as cursor:
            # A process that waited for the lock would block the building of the graph, which
            # waits for all transactions.
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [BUILDING])
            if cursor.fetchone() == (False,):
                return
            try:
                tables.fill(identity, dim)
                tables.build_graph(identity, dim)
                tables.remove_stale(identity)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [BUILDING])

    def keep_up(self, identity: str, dim: int) -> None:
        """Remove what no search counts any more."""
        if tables.exists():
            tables.remove_stale(identity)

    def forget(self, identity: str, dim: int) -> None:
        """Remove the vectors and their graph."""
        tables.remove(identity)

    def _look(self, identity: str) -> _Seen:
        """What there is to search, counted anew only when something has changed."""
        seen, started = self._seen.get(identity), monotonic()
        if seen is None or started >= seen.until:
            total = read_total()
            if seen is None or seen.total != total:
                products = candidates.count_searched(identity) if tables.exists() else 0
                seen = _Seen(0, total, products)
            until = monotonic() + pause_after(monotonic() - started)
            seen = self._seen[identity] = replace(seen, until=until)
        return seen

    def _whole(self, identity: str, dim: int) -> TableCorpus:
        """All pictures of the table; nothing is read yet."""
        seen, order = self._look(identity), self._order(identity, dim)
        return TableCorpus(
            identity=identity,
            generation=order.generation(generation_of(seen.total)),
            tuning=order.tuning,
            searched=seen.products,
            listed=Pictures(
                identity, dim, partial(candidates.read_all, identity) if seen.products else list
            ),
        )

    def _order(self, identity: str, dim: int) -> PublishedOrder:
        return self._readers.setdefault(identity, OrderReader(identity, dim)).read()
