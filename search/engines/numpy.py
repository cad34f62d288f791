"""The engine of one machine: all vectors mapped into each process, ranked exactly."""

from catalog.embedding.claims import Claim
from search.engines import Facts, Scope
from search.index import live_index
from search.index.corpus import Corpus
from search.index.segments import Vector
from search.queries.query import Query


def corpus(query: Query, scope: Scope) -> Corpus:
    """All there is."""
    return live_index(query.embedder, len(query.vector)).corpus()


def facts(identity: str, dim: int) -> Facts:
    """What this process searches."""
    index = live_index(identity, dim)
    corpus = index.corpus()
    return Facts(len(corpus), corpus.generation, round(index.lag, 3))


def store(claim: Claim, identity: str, vector: Vector) -> None:
    """Nothing to do: the index finds by itself what has changed."""


def build(identity: str, dim: int) -> None:
    """Write a snapshot. Raises OSError."""
    live_index(identity, dim).compact()


def keep_up(identity: str, dim: int) -> None:
    """Write a snapshot if much has changed since the last one. Raises OSError."""
    live_index(identity, dim).compact_if_large()


def forget(identity: str, dim: int) -> None:
    """Remove the snapshot."""
    live_index(identity, dim).remove_files()
