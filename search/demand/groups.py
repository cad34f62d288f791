"""Groups searches by likeness: star clustering (Aslam, Pelekhov and Rus, 2004).

The vector with the most neighbours becomes the centre of a group, which is set aside with it; the
rest is grouped the same way. Every member is like its centre, which clustering by chains of
likeness does not guarantee.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Group:
    """Positions of vectors that are alike."""

    centre: int
    members: NDArray[np.intp]  # ascending, the centre among them


def groups(vectors: NDArray[np.float32], *, alike: float, min_size: int) -> Iterator[Group]:
    """Unit rows (n, dim) in groups, the largest first, as long as a group has `min_size` members.

    Each member has at least the cosine `alike` with its centre. Needs 5 * n * n bytes at first,
    then n * n.
    """
    likeness = vectors @ vectors.T >= alike
    counts = likeness.sum(axis=1)  # of neighbours that are in no group yet
    free = np.ones(len(vectors), bool)
    while free.any():
        centre = int(np.argmax(np.where(free, counts, 0)))
        members = np.flatnonzero(likeness[centre] & free)
        if len(members) < min_size:
            return
        yield Group(centre, members)
        free[members] = False
        counts -= likeness[:, members].sum(axis=1)
