"""The tuned order that is in use, as the database keeps it. Vectors need not change with it."""

import logging
from math import isfinite
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from search.orders.models import PublishedTuning
from search.ranking import Tuning

logger = logging.getLogger(__name__)


class InvalidTuning(Exception):
    """What is stored is no tuning for vectors of this length."""


def revision(identity: str) -> int:
    """What changes whenever another order is put in use for this embedder; 0 for the plain one."""
    ids = PublishedTuning.objects.filter(embedder=identity).values_list("pk", flat=True)
    return ids.first() or 0


def published(identity: str, dim: int) -> Tuning | None:
    """The order in use for this embedder, None for the plain one."""
    stored = PublishedTuning.objects.filter(embedder=identity).first()
    try:
        return _tuning(stored, dim) if stored else None
    except InvalidTuning as error:
        logger.error("%s Results are in the plain order. Run: manage.py tune_search", error)
        return None


def publish(identity: str, tuning: Tuning, measures: dict[str, Any]) -> None:
    """Put the order in use for this embedder, in the place of the one before."""
    with transaction.atomic():
        withdraw(identity)
        PublishedTuning.objects.create(
            embedder=identity,
            categories=tuning.categories.tolist(),
            weights=tuning.weights.astype("<f4").tobytes(),
            biases=tuning.biases.astype("<f4").tobytes(),
            strength=tuning.strength,
            measures=measures,
        )


def withdraw(identity: str) -> bool:
    """Go back to the plain order; whether another was in use."""
    return bool(PublishedTuning.objects.filter(embedder=identity).delete()[0])


def _tuning(stored: PublishedTuning, dim: int) -> Tuning:
    categories = np.array(stored.categories, np.int64)
    weights, biases = _numbers(stored.weights), _numbers(stored.biases)
    is_whole = len(weights) == dim * len(categories) and 0 < len(categories) == len(biases)
    if not is_whole or (np.diff(categories) <= 0).any():
        raise InvalidTuning(f"The stored tuning is not one of vectors of {dim} numbers.")
    if not (np.isfinite(weights).all() and np.isfinite(biases).all() and isfinite(stored.strength)):
        raise InvalidTuning("The stored tuning has numbers that are none.")
    return Tuning(categories, weights.reshape(dim, -1), biases, stored.strength)


def _numbers(stored: bytes | memoryview) -> NDArray[np.float32]:
    whole = len(stored) // 4 * 4
    return np.frombuffer(stored[:whole], "<f4").astype(np.float32)
