"""A short form of every row that says within which limits its score lies.

Let the columns of V (dim, k) be orthonormal. A row x and a query q are each the sum of a part in
the span of V, with coordinates a and b, and of a rest. By Cauchy-Schwarz

    a . b - |rest of x| |rest of q|  <=  x . q  <=  a . b + |rest of x| |rest of q|

so that k + 1 numbers a row are enough to rule most rows out. Any V is right; the leading
eigenvectors of the rows' second moments make the rests shortest. The first HEAD coordinates are
read for every row, the BODY that follows only for rows that the head leaves in doubt.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import reduce

import numpy as np
from numpy.typing import NDArray

HEAD, BODY = 128, 192  # measured: more reads more than it saves, less leaves more in doubt
SAMPLE = 20_000  # rows whose second moments stand for all; measured: all rule out as much
WORTHWHILE = 5_000  # rows; fewer are scored as fast as bounded
CHUNK = 4096  # rows that are taken to double precision at a time
ROUNDED_UP = 2.0**-36  # see `project`

Vectors = NDArray[np.float32]
Basis = NDArray[np.float64]
Room = Callable[[str, tuple[int, ...]], Vectors]


@dataclass(frozen=True)
class Bounds:
    """Coordinates of n vectors in a basis, and the lengths of their rests: plain arrays."""

    basis: Basis  # (dim, k), orthonormal columns, one after another in memory
    heads: Vectors  # (n, HEAD), column after column in memory: BLAS adds those up fastest
    bodies: Vectors  # (n, k - HEAD), row after row: a few rows are picked out
    after_heads: Vectors  # (n,), the length of what the head leaves out
    after_bodies: Vectors  # (n,), the length of what head and body leave out

    def row(self, number: int) -> "Bounds":
        """What belongs to one of the n."""
        one = slice(number, number + 1)
        return Bounds(self.basis, *(getattr(self, name)[one] for name in ARRAYS))


def basis_of(chunks: Iterable[Vectors]) -> Basis:
    """The leading eigenvectors (dim, k) of the second moments of all rows in the chunks."""
    moments = reduce(np.add, ((chunk.T @ chunk).astype(np.float64) for chunk in chunks))
    eigenvectors = np.linalg.eigh(moments)[1]  # by rising eigenvalue
    return np.asfortranarray(eigenvectors[:, ::-1][:, : HEAD + BODY])


def sample(rows: Vectors) -> Iterator[Vectors]:
    """Chunks with SAMPLE of the rows (n, dim), or a few more, evenly spread; all if fewer."""
    step = max(1, len(rows) // SAMPLE)
    for start in range(0, len(rows), CHUNK * step):
        yield rows[start : start + CHUNK * step : step]


def project(rows: Vectors, basis: Basis) -> Bounds:
    """These rows (n, dim) in coordinates; what takes chunks can write one's arrays after another's.

    In double precision, so that only rounding to single at the end counts. The square of a rest is
    |x|^2 - |a|^2. Its error, from the sums and from a basis that eigh makes orthonormal to 2**-40,
    is below 2**-36 (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1:
    dim * 2**-53 for each of k coordinates, sqrt(k) times that for all). So much is added to it,
    and no rest is too short.
    """
    doubles = rows.astype(np.float64)
    # Two products: for one query each is small enough that OpenBLAS wakes no threads.
    head, body = doubles @ basis[:, :HEAD], doubles @ basis[:, HEAD:]
    squares = np.square(doubles).sum(axis=1) + ROUNDED_UP
    after_head = np.maximum(squares - np.square(head).sum(axis=1), ROUNDED_UP)
    after_body = np.maximum(after_head - np.square(body).sum(axis=1), ROUNDED_UP)
    return Bounds(
        basis,
        np.asfortranarray(head, np.float32),
        np.ascontiguousarray(body, np.float32),
        np.sqrt(after_head).astype(np.float32),
        np.sqrt(after_body).astype(np.float32),
    )


def bounds_of(rows: Vectors, room: Room = lambda _, shape: np.empty(shape, np.float32)) -> Bounds:
    """Bounds of the rows (n, dim), which may be mapped from a file.

    `room` gives an array of a name and shape to write to, which may be mapped as well.
    """
    basis = basis_of(sample(rows))
    bounds = _room_for(len(rows), basis, room)
    for start in range(0, len(rows), CHUNK):
        part = project(rows[start : start + CHUNK], basis)
        for name in ARRAYS:
            getattr(bounds, name)[start : start + CHUNK] = getattr(part, name)
    return bounds


def doubt(basis: Basis) -> float:
    """How far beyond its limits rounding can take a score, both computed in single precision.

    In units of u = 2**-24: k for the product of the coordinates in whatever order it is summed
    (Higham, as above); one each for rounding the row's and the query's coordinates and rests, for
    adding body to head, for the rests' product, for adding that and this, and for comparing.
    """
    units: int = basis.shape[1] + 16
    return 1.01 * units * 2.0**-24


ARRAYS = tuple(field.name for field in fields(Bounds) if field.name != "basis")


def _room_for(count: int, basis: Basis, room: Room) -> Bounds:
    k = basis.shape[1]
    head = min(HEAD, k)
    return Bounds(
        basis,
        room("heads", (head, count)).T,
        room("bodies", (count, k - head)),
        room("after_heads", (count,)),
        room("after_bodies", (count,)),
    )
