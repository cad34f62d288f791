"""Thumbs up and down: a query moved by what it found."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# The weights that J. J. Rocchio's rule ("Relevance feedback in information retrieval", 1971) is
# used with since Manning, Raghavan and Schuetze, "Introduction to Information Retrieval", 9.1.1.
ALPHA, BETA, GAMMA = 1.0, 0.75, 0.15

Vector = NDArray[np.float32]  # (dim,), of unit length


def moved(query: Vector, more: Sequence[Vector], less: Sequence[Vector]) -> Vector:
    """The query, moved to the mean of `more` and away from that of `less`.

    Something is always left of it: the other two weights together are less than its own.
    """
    vector = ALPHA * query.astype(np.float64)
    if more:
        vector += BETA * np.mean(more, axis=0, dtype=np.float64)
    if less:
        vector -= GAMMA * np.mean(less, axis=0, dtype=np.float64)
    unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit
