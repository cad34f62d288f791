"""Where vectors are kept and searched: the contract of an engine, and the engines.

`get_engine` returns the engine that SEARCH_ENGINE names. A new engine is a module with a class that
implements `Engine`, and one line in `ENGINES`.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

import numpy as np
from django.conf import settings
from django.utils.module_loading import import_string
from numpy.typing import NDArray

from catalog.embedding.claims import Claim
from search.index.corpus import Ids, Vector
from search.ranking import Mask, Positions, Ranking, Tuning

__all__ = [
    "ENGINES",
    "Corpus",
    "Engine",
    "EngineUnavailable",
    "Scan",
    "Scope",
    "Status",
    "corpus_for",
    "get_engine",
    "load_engine",
]

# name -> class, imported on first use
ENGINES = {
    "numpy": "search.engines.numpy.NumpyEngine",
    "pgvector": "search.engines.pgvector.PgvectorEngine",
}


class EngineUnavailable(Exception):
    """The engine cannot be used; the message says how to fix it."""


@dataclass(frozen=True)
class Scope:
    """The part of the catalog that a search asks for; an engine may leave out the rest."""

    threshold: float = -1.0
    categories: tuple[str, ...] = ()  # names; any of them
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    availabilities: tuple[str, ...] = ()  # any of them
    hidden: tuple[str, ...] = ()  # availabilities of products that are left out
    products: tuple[int, ...] | None = None  # ids; only these


@dataclass(frozen=True)
class Status:
    """What an engine searches, and how old that state is."""

    products: int
    generation: int
    lag_seconds: float


class Scan(Protocol):
    """One query's pass over a corpus, for several rankings by the same vector."""

    def rank(
        self,
        k: int,
        *,
        threshold: float = -1.0,
        mask: Mask | None = None,
        groups: Positions | None = None,
    ) -> Ranking:
        """The `k` best items within the mask (items,); as `search.ranking.rank`."""


class Corpus(Protocol):
    """Products that can be found, at one moment, with their pictures and vectors.

    An item is a product; a row is one of its pictures. The rows of an item are consecutive.
    """

    @property
    def identity(self) -> str:
        """The identity of the embedder."""

    @property
    def generation(self) -> int:
        """A number that changes with the catalog and its order; below 2**32."""

    @property
    def tuning(self) -> Tuning | None:
        """What orders the results; without it their scores do."""

    def __len__(self) -> int:
        """How many products can be found, in the whole catalog."""

    @property
    def products(self) -> Ids:
        """(items,), ids."""

    @property
    def categories(self) -> Ids:
        """(items,), ids."""

    @property
    def prices(self) -> NDArray[np.float64]:
        """(items,), selling prices."""

    @property
    def availabilities(self) -> NDArray[np.int8]:
        """(items,), `availability_code`s."""

    @property
    def groups(self) -> Ids:
        """(items,), `group_key`s."""

    @property
    def group_numbers(self) -> Positions:
        """(items,), small numbers from 0, which are equal where the groups are."""

    @property
    def live(self) -> Mask:
        """(items,), True for what can be found."""

    @property
    def starts(self) -> Positions:
        """(items,), rising: the first row of each item."""

    @property
    def row_count(self) -> int:
        """The number of rows, including those of items that are not live."""

    def rank(
        self, vector: Vector, k: int, *, threshold: float = -1.0, mask: Mask | None = None
    ) -> Ranking:
        """The `k` live items within the mask (items,) that come first; ties by product id."""

    def rank_many(
        self, vectors: NDArray[np.float32], k: int, *, mask: Mask | None = None
    ) -> list[Ranking]:
        """What `rank` gives for each of the vectors (m, dim)."""

    def scan(self, vector: Vector) -> Scan:
        """One pass over the rows, for several rankings by the same vector."""

    def score_items(
        self, vector: Vector, items: Positions
    ) -> tuple[NDArray[np.float64], Positions]:
        """The cosine of each item's best row, and that row; both (len(items),)."""

    def rows_of(self, items: Positions) -> tuple[Positions, Positions]:
        """All rows of these items in a line, and where in that line each item starts."""

    def pictures(self, rows: Positions) -> tuple[Ids, Ids]:
        """The photo ids (len(rows),), 0 for a product's own picture, and the image keys."""

    def vectors(self, rows: Positions) -> NDArray[np.float32]:
        """The vectors (len(rows), dim) of these rows."""

    def with_tuning(self, tuning: Tuning | None) -> "Corpus":
        """The same products in another order."""


class Engine(Protocol):
    """Keeps the vectors of embedders, each given by its identity and the length of its vectors."""

    def corpus(self, identity: str, dim: int) -> Corpus:
        """The whole searchable catalog."""

    def candidates(self, identity: str, vector: Vector, scope: Scope) -> Corpus:
        """The part of the catalog that can be among the answers to a query vector (dim,).

        The corpus ranks and scores by this vector only.
        """

    def status(self, identity: str, dim: int) -> Status:
        """How many products can be searched, and how old that state is."""

    def store(self, claim: Claim, identity: str, vector: Vector) -> None:
        """Take in the new vector (dim,) of a picture, in the transaction that saved it."""

    def build(self, identity: str, dim: int) -> None:
        """Bring everything that is derived from the database up to date.

        Raises OSError, EngineUnavailable.
        """

    def keep_up(self, identity: str, dim: int) -> None:
        """Do what `build` does if it is worthwhile; called every half minute. Raises OSError."""

    def forget(self, identity: str, dim: int) -> None:
        """Delete everything that is kept of an embedder."""


def get_engine() -> Engine:
    """The engine that SEARCH_ENGINE names, one object for each process."""
    return load_engine(settings.SEARCH_ENGINE, str(settings.INDEX_DIR))


def corpus_for(identity: str, dim: int) -> Corpus:
    """The whole searchable catalog of the engine in use."""
    return get_engine().corpus(identity, dim)


@lru_cache(maxsize=len(ENGINES))
def load_engine(name: str, _index_dir: str) -> Engine:
    """The engine of this name, with all that it keeps in memory.

    Another name or INDEX_DIR starts afresh. `load_engine.cache_clear()` does what a restart of the
    process does.
    """
    engine: Engine = import_string(ENGINES[name])()
    return engine
