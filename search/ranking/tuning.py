"""An order learned from the catalog: first what is of the categories that a picture looks like.

A query q is given a bonus for each of K categories,

    bonus(q) = strength * softmax(W.T q + b)

by a linear classifier of the catalog's own categories, and a product with cosine c the key

    h(c) + its category's bonus,    h(c) = exp(SHARPNESS * (c - 0.6)) / SHARPNESS

h rises, so that within a category the cosine decides; and ever faster, so that a picture that is
nearly the same is not overtaken. What looks like nothing in particular gets even bonuses, which
change nothing.
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
LEVEL = 0.6  # the cosine where h rises as fast as the cosine; half of all queries find better


@dataclass(frozen=True)
class Tuning:
    """Such a classifier, and how much it counts."""

    categories: NDArray[np.int64]  # (K,), ids, rising
    weights: NDArray[np.float32]  # (dim, K)
    biases: NDArray[np.float32]  # (K,)
    strength: float

    def labels(self, categories: NDArray[np.int64]) -> Labels:
        """Where each of the category ids (items,) is among ours, K where it is not."""
        places = np.searchsorted(self.categories, categories)
        places[places == len(self.categories)] = 0
        known = self.categories[places] == categories
        return np.where(known, places, len(self.categories))

    def bonuses(self, query: NDArray[np.float32]) -> Doubles:
        """One for each label (K + 1,); an unknown category gets the mean of the others."""
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
    """h of these cosines."""
    heights: Reals = scores - LEVEL
    heights *= SHARPNESS
    np.exp(heights, out=heights)
    heights /= SHARPNESS
    return heights
