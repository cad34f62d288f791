"""An order learned from the catalog: products of the categories that a query resembles come first.

A linear classifier of the catalog's own categories gives a query q a bonus for each of K categories

    bonus(q) = strength * softmax(W.T q + b)

and results are ordered by the key of a product with cosine c

    h(c) + bonus of its category,    h(c) = exp(SHARPNESS * (c - LEVEL)) / SHARPNESS

h is increasing, so within a category the cosine decides. It is convex, so a nearly identical
picture is not overtaken. A query that resembles no category gets equal bonuses, which change
nothing.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Labels = NDArray[np.intp]  # (items,), which of the K categories, K for another or none
Items = NDArray[np.intp] | slice
Reals = TypeVar("Reals", NDArray[np.float32], NDArray[np.float64])

SHARPNESS = 8
LEVEL = 0.6  # the cosine at which the slope of h is 1; half of all queries find a better match


@dataclass(frozen=True)
class Tuning:
    """The classifier and the strength of its bonuses."""

    categories: NDArray[np.int64]  # (K,), ids, rising
    weights: NDArray[np.float32]  # (dim, K)
    biases: NDArray[np.float32]  # (K,)
    strength: float

    def labels(self, categories: NDArray[np.int64]) -> Labels:
        """The position of each category id (items,) among ours, K for an unknown one."""
        places = np.searchsorted(self.categories, categories)
        places[places == len(self.categories)] = 0
        known = self.categories[places] == categories
        return np.where(known, places, len(self.categories))

    def bonuses(self, query: NDArray[np.float32]) -> Doubles:
        """The bonus of each label (K + 1,); an unknown category gets the mean of the others."""
        logits = (query @ self.weights).astype(np.float64) + self.biases
        shares = np.exp(logits - logits.max())
        known = self.strength * shares / shares.sum()
        return np.append(known, known.mean())


@dataclass(frozen=True)
class Labelled:
    """The items of a matrix as a tuning sees them."""

    tuning: Tuning
    labels: Labels


def raised(scores: Reals) -> Reals:
    """h of these cosines, as in the module's docstring."""
    heights: Reals = scores - LEVEL
    heights *= SHARPNESS
    np.exp(heights, out=heights)
    heights /= SHARPNESS
    return heights
