"""Measures of the quality of rankings, with confidence limits.

As in Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), chapter 8. A
ranking is a mask (n,), best first: True for what is relevant.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.ranking import Mask

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Figure:
    """A mean, its limits of 95 % confidence, and the number of values."""

    mean: float
    low: float
    high: float
    count: int


def precision(relevant: Mask, k: int) -> float:
    """The share of the relevant among the first k."""
    return float(relevant[:k].mean())


def average_precision(relevant: Mask) -> float:
    """The mean of the precisions at each relevant one; 0 where none is relevant."""
    ranks = np.flatnonzero(relevant) + 1
    return float((np.arange(1, len(ranks) + 1) / ranks).mean()) if len(ranks) else 0.0


def reciprocal_rank(relevant: Mask) -> float:
    """One over the place, from 1, of the first relevant one; 0 where none is relevant."""
    ranks = np.flatnonzero(relevant) + 1
    return float(1 / ranks[0]) if len(ranks) else 0.0


def figure(values: NDArray[np.float64], *, seed: int = 0) -> Figure:
    """The mean of at least one value (n,), with limits by the percentile bootstrap.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    random, count = np.random.default_rng(seed), len(values)
    means = [values[random.integers(count, size=count)].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Figure(float(values.mean()), float(low), float(high), count)
