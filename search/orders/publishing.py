"""Stores the order of results in the database. Vectors do not change with it."""

import logging
import zlib
from dataclasses import dataclass
from time import monotonic

import numpy as np
from django.conf import settings
from django.db import transaction
from numpy.typing import NDArray

from search.orders.models import PublishedTuning
from search.ranking import Tuning

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublishedOrder:
    """The order that was in use for an embedder's vectors at one moment."""

    revision: int  # changes with the order; 0 for the plain one
    tuning: Tuning | None

    def generation(self, catalog: int) -> int:
        """A number below 2**32 that changes with the catalog's generation and with the order."""
        return zlib.crc32(repr((catalog, self.revision)).encode())


class OrderReader:
    """Reads the order in use, at most once every INDEX_REFRESH_SECONDS."""

    def __init__(self, identity: str, dim: int) -> None:
        self._identity, self._dim = identity, dim
        self._checked = float("-inf")
        self._order = PublishedOrder(0, None)

    def read(self) -> PublishedOrder:
        """The order in use, as it was a moment ago."""
        if monotonic() - self._checked >= settings.INDEX_REFRESH_SECONDS:
            current = revision(self._identity)
            if current != self._order.revision:
                self._order = PublishedOrder(current, published(self._identity, self._dim))
            self._checked = monotonic()
        return self._order


def revision(identity: str) -> int:
    """A number that changes with the order in use for this embedder; 0 for the plain order."""
    ids = PublishedTuning.objects.filter(embedder=identity).values_list("pk", flat=True)
    return ids.first() or 0


def published(identity: str, dim: int) -> Tuning | None:
    """The tuning in use for this embedder, None for the plain order."""
    stored = PublishedTuning.objects.filter(embedder=identity).first()
    if stored is None:
        return None
    categories = np.array(stored.categories, np.int64)
    weights, biases = _numbers(stored.weights), _numbers(stored.biases)
    is_whole = len(weights) == dim * len(categories) and 0 < len(categories) == len(biases)
    if not is_whole or (np.diff(categories) <= 0).any():
        problem = f"The stored tuning is not for vectors of {dim} numbers."
    elif not all(np.isfinite(n).all() for n in (weights, biases, stored.strength)):
        problem = "The stored tuning has numbers that are not finite."
    else:
        return Tuning(categories, weights.reshape(dim, -1), biases, stored.strength)
    logger.error("%s Results are in the plain order. Run: python manage.py tune_search", problem)
    return None


def publish(identity: str, tuning: Tuning) -> None:
    """Put a tuning in use for this embedder, instead of the previous one."""
    with transaction.atomic():
        withdraw(identity)
        PublishedTuning.objects.create(
            embedder=identity,
            categories=tuning.categories.tolist(),
            weights=tuning.weights.astype("<f4").tobytes(),
            biases=tuning.biases.astype("<f4").tobytes(),
            strength=tuning.strength,
        )


def withdraw(identity: str) -> bool:
    """Return to the plain order. Returns True if another was in use."""
    return bool(PublishedTuning.objects.filter(embedder=identity).delete()[0])


def _numbers(stored: bytes | memoryview) -> NDArray[np.float32]:
    whole = len(stored) // 4 * 4
    return np.frombuffer(stored[:whole], "<f4").astype(np.float32)
