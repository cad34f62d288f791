"""Searches grouped by likeness: the star clustering of Aslam, Pelekhov and Rus (2004).

The search that most others are like becomes the middle of a group; it and they are set aside, and
so on with the rest. Every member is like its group's middle, which chains of likeness do not give.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Group:
    """Positions of vectors that are alike."""

    middle: int
    members: NDArray[np.intp]  # the middle among them, rising


def groups(vectors: NDArray[np.float32], *, alike: float, size: int) -> Iterator[Group]:
    """Unit rows (n, dim) grouped so that each has at least this cosine with its group's middle.

    The largest first, down to those of this size. Takes 5 * n * n bytes at first, then n * n.
    """
    likeness = vectors @ vectors.T >= alike
    counts = likeness.sum(axis=1)  # of those not yet in a group
    free = np.ones(len(vectors), bool)
    while free.any():
        middle = int(np.argmax(np.where(free, counts, 0)))
        members = np.flatnonzero(likeness[middle] & free)
        if len(members) < size:
            return
        yield Group(middle, members)
        free[members] = False
        counts -= likeness[:, members].sum(axis=1)
