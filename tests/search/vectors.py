"""Vectors made up for tests."""

import numpy as np


def units(rows: np.ndarray) -> np.ndarray:
    """The rows (n, dim) at length 1, in the precision of embeddings."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
