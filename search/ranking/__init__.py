"""Exact ranking by cosine over a matrix of unit rows. NumPy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Single precision sums of 1,280 products of unit rows differ by less than this from the truth.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Ranking:
    """The best rows in order, and which rows are good enough at all."""

    positions: NDArray[np.intp]  # (<= k,), best first; ties by position
    scores: NDArray[np.float64]  # (<= k,), cosine of each
    matched: NDArray[np.bool_]  # (n,), at or above the threshold, within the mask or not


def rank(
    rows: NDArray[np.float32],
    query: NDArray[np.float32],
    k: int,
    *,
    threshold: float = -1.0,
    mask: NDArray[np.bool_] | None = None,
) -> Ranking:
    """The `k` rows (n, dim) within the mask most like the query (dim,), none below the threshold.

    Order and scores are those of sums in double precision, so that they do not hang on the way
    a BLAS library adds up.
    """
    scores = rows @ query
    matched = scores >= threshold + ROUNDING
    border = np.flatnonzero(~matched & (scores >= threshold - ROUNDING))
    matched[border] = exact_scores(rows, query, border) >= threshold
    eligible = np.flatnonzero(matched if mask is None else matched & mask)
    candidates = _best(scores, eligible, k)
    exact = exact_scores(rows, query, candidates)
    order = np.lexsort((candidates, -exact))[:k]
    return Ranking(candidates[order], exact[order], matched)


def exact_scores(
    rows: NDArray[np.float32], query: NDArray[np.float32], positions: NDArray[np.intp]
) -> NDArray[np.float64]:
    """The cosines (len(positions),) of some rows, summed in double precision, at most 1.

    A row's score depends on nothing but the row and the query. A matrix product would not do: a
    BLAS library adds up differently by the number of rows, so that equal rows come out unequal.
    """
    products = rows[positions].astype(np.float64) * query.astype(np.float64)
    scores: NDArray[np.float64] = np.clip(products.sum(axis=1), -1.0, 1.0)
    return scores


def _best(scores: NDArray[np.float32], positions: NDArray[np.intp], k: int) -> NDArray[np.intp]:
    """All positions that can be among the `k` best once rounding is taken into account."""
    if k >= len(positions):
        return positions
    kth = np.partition(scores[positions], -k)[-k] if k else np.inf
    return positions[scores[positions] >= kth - 2 * ROUNDING]
