"""Learning to tell the catalog's categories apart, as shoppers' photos show them.

That is linear discriminant analysis (Rao, "The utilization of multiple measurements in problems of
biological classification", 1948). What it must not tell apart are the products of a category, nor
a picture and changed copies of it. A catalog has few pictures for so many numbers: the covariance
is shrunk (Friedman, "Regularized discriminant analysis", 1989).
"""

import numpy as np

from search.datasets.examples import Examples
from search.index.segments import Ids
from search.ranking.bounds import Vectors
from search.ranking.tuning import Doubles, Tuning

LEAST_PRODUCTS = 5  # in a category that is learned
LEAST_CATEGORIES = 2
LEAST_IN_ALL = 40  # products in those
MOST_CATEGORIES = 1000  # that are learned, the largest: each costs a little in every search
# How much of the covariance is that of noise. Measured with both networks on photos that were not
# learned from: a half to nearly all is best; less, as Ledoit and Wolf's estimate is, does worse.
SHRINKAGE = 0.7
FLOOR = 1e-6  # of the variance in any direction: the pictures of a category may be all the same


class NotEnoughToLearn(Exception):
    """The catalog has too few categories, or too little in them; the message says what it lacks."""


def learn(examples: Examples, shifts: Vectors) -> Tuning:
    """What tells the categories of these pictures apart, at a strength of 1.

    `shifts` (m, dim) are differences between changed copies and their pictures. A category with
    too few products is not among those of the tuning. Raises NotEnoughToLearn.
    """
    categories = learnable(examples)
    counted = examples.only(np.isin(examples.labels, categories))
    of_row = np.searchsorted(categories, counted.labels)
    center = counted.rows.mean(axis=0, dtype=np.float64)
    means = np.stack([counted.rows[of_row == n].mean(axis=0) for n in range(len(categories))])
    noise = shrunk(counted.rows - means[of_row]) + moments(shifts)
    apart = means - center
    weights = np.linalg.solve(noise, apart.T)  # (dim, K)
    # Without the categories' shares: a small one would be drowned by a large one.
    biases = -(apart.T * weights).sum(axis=0) / 2 - center @ weights
    return Tuning(categories, weights.astype(np.float32), biases.astype(np.float32), 1.0)


def learnable(examples: Examples) -> Ids:
    """The categories that have enough products, rising. Raises NotEnoughToLearn."""
    categories, counts = np.unique(examples.labels[examples.starts], return_counts=True)
    large = counts >= LEAST_PRODUCTS
    if large.sum() < LEAST_CATEGORIES or counts[large].sum() < LEAST_IN_ALL:
        raise NotEnoughToLearn(
            f"There is not enough to learn from: it takes {LEAST_CATEGORIES} categories of "
            f"{LEAST_PRODUCTS} products or more, and {LEAST_IN_ALL} products in such categories. "
            f"This catalog has {large.sum()} such categories, with {counts[large].sum()} products."
        )
    largest = np.argsort(-counts, kind="stable")[: min(MOST_CATEGORIES, large.sum())]
    return np.sort(categories[largest])


def shrunk(deviations: Vectors) -> Doubles:
    """The covariance (dim, dim) of deviations (n, dim) from their means, mixed with noise's."""
    covariance = moments(deviations)
    dim = len(covariance)
    even = SHRINKAGE * np.trace(covariance) / dim + FLOOR
    mixed: Doubles = (1 - SHRINKAGE) * covariance + even * np.eye(dim)
    return mixed


def moments(vectors: Vectors) -> Doubles:
    """The mean product (dim, dim) of each vector (n, dim) with itself; zeros of none."""
    products: Doubles = (vectors.T @ vectors).astype(np.float64) / max(1, len(vectors))
    return products
