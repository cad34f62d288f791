"""Vectors as the database stores them: little-endian float32, unit length, 4 * dim bytes."""

import numpy as np
from numpy.typing import NDArray

from catalog.messages import sentence

UNIT_TOLERANCE = 1e-3
UNUSABLE = sentence("The network gave no usable vector for this picture.")


class InvalidVector(Exception):
    """The stored bytes are not a unit vector of the wanted length."""


def to_bytes(vector: NDArray[np.float32]) -> bytes:
    """The bytes of a unit vector (dim,). Raises InvalidVector for zero, NaN or infinity."""
    if not is_unit(vector[np.newaxis])[0]:
        raise InvalidVector(UNUSABLE)
    return vector.astype("<f4").tobytes()


def from_bytes(data: bytes | memoryview, dim: int) -> NDArray[np.float32]:
    """The stored vector as (dim,) float32. Raises InvalidVector."""
    if len(data) != 4 * dim:
        raise InvalidVector(
            sentence(
                "The stored vector has %(found)s bytes, not %(wanted)s.",
                found=len(data),
                wanted=4 * dim,
            )
        )
    vector = np.frombuffer(data, "<f4").astype(np.float32, copy=False)
    if not is_unit(vector[np.newaxis])[0]:
        raise InvalidVector(sentence("The stored vector is not of unit length."))
    return vector


def is_unit(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """True for each row of (n, dim) that is finite and of unit length, as (n,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", rows, rows)
        close: NDArray[np.bool_] = np.abs(squares - 1) <= UNIT_TOLERANCE
    return close
