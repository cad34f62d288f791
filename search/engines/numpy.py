"""The engine of one machine: every process maps all vectors into memory and ranks exactly."""

from dataclasses import dataclass, replace

from catalog.embedding.claims import Claim
from search.engines import Scope, Status
from search.index import IndexCorpus, LiveIndex
from search.index.corpus import Vector
from search.orders.publishing import OrderReader, PublishedOrder


@dataclass(frozen=True)
class _Ordered:
    """The corpus of an index, and the same with the published order."""

    plain: IndexCorpus
    order: PublishedOrder
    corpus: IndexCorpus


class NumpyEngine:
    """Holds a live index for each embedder; implements `Engine`."""

    def __init__(self) -> None:
        self._indexes: dict[tuple[str, int], tuple[LiveIndex, OrderReader]] = {}
        self._ordered: dict[tuple[str, int], _Ordered] = {}

    def corpus(self, identity: str, dim: int) -> IndexCorpus:
        """As `Engine.corpus`; the same object until the catalog or its order changes."""
        index, reader = self._parts(identity, dim)
        plain, order = index.corpus(), reader.read()
        known = self._ordered.get((identity, dim))
        if known is None or known.plain is not plain or known.order is not order:
            generation = order.generation(plain.generation)
            corpus = replace(plain, generation=generation, tuning=order.tuning)
            known = self._ordered[identity, dim] = _Ordered(plain, order, corpus)
        return known.corpus

    def candidates(self, identity: str, vector: Vector, scope: Scope) -> IndexCorpus:
        """The whole catalog: the ranking itself rules out what cannot matter."""
        return self.corpus(identity, len(vector))

    def status(self, identity: str, dim: int) -> Status:
        """What this process searches."""
        corpus = self.corpus(identity, dim)
        return Status(len(corpus), corpus.generation, round(self.index(identity, dim).lag, 3))

    def store(self, claim: Claim, identity: str, vector: Vector) -> None:
        """Nothing to do: the index finds by itself what has changed."""

    def build(self, identity: str, dim: int) -> None:
        """Write a snapshot. Raises OSError."""
        self.index(identity, dim).compact()

    def keep_up(self, identity: str, dim: int) -> None:
        """Write a snapshot if much has changed since the last one. Raises OSError."""
        self.index(identity, dim).compact_if_large()

    def forget(self, identity: str, dim: int) -> None:
        """Remove the snapshot."""
        self.index(identity, dim).remove_files()

    def index(self, identity: str, dim: int) -> LiveIndex:
        """The index of an embedder's vectors."""
        return self._parts(identity, dim)[0]

    def _parts(self, identity: str, dim: int) -> tuple[LiveIndex, OrderReader]:
        key = identity, dim
        if key not in self._indexes:  # setdefault keeps the first one when two threads race
            self._indexes.setdefault(key, (LiveIndex(*key), OrderReader(*key)))
        return self._indexes[key]
