"""Upper and lower bounds of every row's score from a few coordinates.

Let the columns of V (dim, k) be orthonormal. Split a row x and a query q into their projections on
the span of V, with coordinates a = V.T x and b = V.T q, and their residuals. The residuals are
orthogonal to the span, so x . q = a . b + (residual of x) . (residual of q), and by the
Cauchy-Schwarz inequality

    a . b - |residual of x| |residual of q|  <=  x . q  <=  a . b + |residual of x| |residual of q|

Thus k + 1 numbers per row rule most rows out. The bounds hold for any V; the leading eigenvectors
of the rows' second moments minimize the mean squared residual. The first HEAD coordinates are read
for every row, the next BODY only for rows that the head leaves in doubt.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import reduce

import numpy as np
from numpy.typing import NDArray

HEAD, BODY = 128, 192  # measured: more cost more reads than they save, fewer leave more in doubt
SAMPLE = 20_000  # rows whose second moments are used; measured: using all rules out no more
WORTHWHILE = 5_000  # rows; a matrix with fewer is scored as fast without bounds
CHUNK = 4096  # rows converted to double precision at a time
ROUNDED_UP = 2.0**-36  # see `project`

Vectors = NDArray[np.float32]
Basis = NDArray[np.float64]
Room = Callable[[str, tuple[int, ...]], Vectors]


@dataclass(frozen=True)
class Bounds:
    """Coordinates of n vectors in a basis, and the lengths of their residuals: plain arrays."""

    basis: Basis  # (dim, k), orthonormal columns, in column-major order
    heads: Vectors  # (n, HEAD), in column-major order, which BLAS multiplies fastest
    bodies: Vectors  # (n, k - HEAD), in row-major order, because a few rows are gathered
    after_heads: Vectors  # (n,), the length of the residual after the head
    after_bodies: Vectors  # (n,), the length of the residual after head and body

    def row(self, number: int) -> "Bounds":
        """The coordinates of one of the n vectors."""
        one = slice(number, number + 1)
        return Bounds(self.basis, *(getattr(self, name)[one] for name in ARRAYS))


def basis_of(chunks: Iterable[Vectors]) -> Basis:
    """The leading eigenvectors (dim, k) of the second moments of all rows in the chunks."""
    moments = reduce(np.add, ((chunk.T @ chunk).astype(np.float64) for chunk in chunks))
    eigenvectors = np.linalg.eigh(moments)[1]  # in ascending order of eigenvalues
    return np.asfortranarray(eigenvectors[:, ::-1][:, : HEAD + BODY])


def sample(rows: Vectors) -> Iterator[Vectors]:
    """Chunks with about SAMPLE of the rows (n, dim), evenly spread; all rows if there are fewer."""
    step = max(1, len(rows) // SAMPLE)
    for start in range(0, len(rows), CHUNK * step):
        yield rows[start : start + CHUNK * step : step]


def project(rows: Vectors, basis: Basis) -> Bounds:
    """These rows (n, dim) in coordinates. Results for chunks of rows can be concatenated.

    Computed in double precision, so only the final rounding to single precision matters. A residual
    has the squared length |x|^2 - |a|^2. The error of that difference, from summation and from a
    basis that eigh makes orthonormal to 2**-40, is below 2**-36: dim * 2**-53 for each of the k
    coordinates, and sqrt(k) times that for all (Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd ed., section 3.1). Adding 2**-36 makes sure that no residual is too short.
    """
    doubles = rows.astype(np.float64)
    # Two products, each small enough for one query that OpenBLAS uses a single thread.
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

    `room` returns an array to write to by name and shape, which may be mapped as well.
    """
    basis = basis_of(sample(rows))
    bounds = _room_for(len(rows), basis, room)
    for start in range(0, len(rows), CHUNK):
        part = project(rows[start : start + CHUNK], basis)
        for name in ARRAYS:
            getattr(bounds, name)[start : start + CHUNK] = getattr(part, name)
    return bounds


def doubt(basis: Basis) -> float:
    """By how much a score can lie outside its bounds because both are rounded to single precision.

    In units of u = 2**-24: k for the product of the coordinates in whatever order it is summed
    (Higham, as above), and one for each other rounding, for which 16 leave room: the coordinates
    and residuals of row and query, the sum of head and body, the product of the residuals, the sum
    with it, and the comparison.
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
