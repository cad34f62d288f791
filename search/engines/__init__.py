"""Engines: where vectors are kept, and searched.

A new engine is a module with the functions of `Engine` and one line in `ENGINES`.
"""

from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Protocol

from django.conf import settings

from catalog.embedding.claims import Claim
from search.index.corpus import Corpus
from search.index.segments import Vector
from search.queries.query import Query

# name -> module, imported on first use
ENGINES = {
    "numpy": "search.engines.numpy",
    "pgvector": "search.engines.pgvector",
}


class EngineUnavailable(Exception):
    """The engine can't be used; the message says what mends it."""


@dataclass(frozen=True)
class Scope:
    """What part of the catalog a search asks for; an engine may leave out what is of no use."""

    threshold: float = -1.0
    categories: tuple[str, ...] = ()  # names; any of them
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    product: int | None = None  # this one alone


@dataclass(frozen=True)
class Facts:
    """What is searched, and how many seconds ago that was what the database has."""

    products: int
    generation: int
    lag_seconds: float


class Engine(Protocol):
    """An embedder is told by its identity, and the length of its vectors."""

    def corpus(self, query: Query, scope: Scope) -> Corpus:
        """What the answers to a query are among."""

    def facts(self, identity: str, dim: int) -> Facts:
        """How much can be searched."""

    def store(self, claim: Claim, identity: str, vector: Vector) -> None:
        """Take in the vector (dim,) that a picture has got, within the same transaction."""

    def build(self, identity: str, dim: int) -> None:
        """Bring all that is kept beside the database's truth in order. Raises OSError."""

    def keep_up(self, identity: str, dim: int) -> None:
        """The same where it is worthwhile; asked for every half minute. Raises OSError."""

    def forget(self, identity: str, dim: int) -> None:
        """Throw away what is kept of an embedder."""


def get_engine() -> Engine:
    """The engine that SEARCH_ENGINE names."""
    engine: Engine = import_module(ENGINES[settings.SEARCH_ENGINE])
    return engine
