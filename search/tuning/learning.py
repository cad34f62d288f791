"""Learns to tell the catalog's categories apart, also on shoppers' photos.

The classifier is linear discriminant analysis (Rao, "The utilization of multiple measurements in
problems of biological classification", 1948). Its noise covariance holds the differences between
products of a category and those between a picture and its changed copies. A catalog has few
pictures for that many dimensions, so the covariance is shrunk (Friedman, "Regularized discriminant
analysis", 1989).
"""

from dataclasses import replace

import numpy as np

from catalog.messages import Amount, sentence
from search.datasets.examples import Examples
from search.index.corpus import Ids
from search.ranking.bounds import Vectors
from search.ranking.tuning import Doubles, Labels, Tuning

MIN_PRODUCTS = 5  # of a category that is learned
MIN_CATEGORIES = 2
MIN_PRODUCTS_IN_ALL = 40  # in the categories that are learned
MAX_CATEGORIES = 1000  # the largest are learned; each adds a little work to every search
# Share of the covariance that is replaced by an even one. On photos held out, values from a half to
# nearly one did best with both networks; Ledoit and Wolf's estimate is lower and did worse.
SHRINKAGE = 0.7
FLOOR = 1e-6  # least variance in any direction; all pictures of a category may be the same
TEMPERATURES = np.geomspace(0.25, 64, 49)


class NotEnoughToLearn(Exception):
    """The catalog has too few categories or products; the message says what is missing."""


def learnable(examples: Examples) -> Ids:
    """The ids of categories that have enough products, rising. Raises NotEnoughToLearn."""
    categories, counts = np.unique(examples.labels[examples.starts], return_counts=True)
    is_large = counts >= MIN_PRODUCTS
    if is_large.sum() < MIN_CATEGORIES or counts[is_large].sum() < MIN_PRODUCTS_IN_ALL:
        raise NotEnoughToLearn(
            sentence(
                "There is not enough to learn from. Tuning needs %(least_categories)s categories "
                "with at least %(least)s products each, and %(in_all)s products in such "
                "categories. This catalog has %(categories)s such categories with %(products)s "
                "products.",
                least_categories=MIN_CATEGORIES,
                least=MIN_PRODUCTS,
                in_all=MIN_PRODUCTS_IN_ALL,
                categories=int(is_large.sum()),
                products=Amount(counts[is_large].sum()),
            )
        )
    largest = np.argsort(-counts, kind="stable")[: min(MAX_CATEGORIES, is_large.sum())]
    return np.sort(categories[largest])


def learn(examples: Examples, shifts: Vectors) -> Tuning:
    """A classifier of the examples' categories, with strength 1. Raises NotEnoughToLearn.

    `shifts` (m, dim) are the differences between changed copies and their originals. Categories
    with too few products are left out.
    """
    categories = learnable(examples)
    counted = examples.only(np.isin(examples.labels, categories))
    of_row = np.searchsorted(categories, counted.labels)
    center = counted.rows.mean(axis=0, dtype=np.float64)
    means = np.stack([counted.rows[of_row == n].mean(axis=0) for n in range(len(categories))])
    noise = shrunk(moments(counted.rows - means[of_row])) + moments(shifts)
    apart = means - center
    weights = np.linalg.solve(noise, apart.T)  # (dim, K)
    # The categories' shares are left out: large categories would crowd out small ones.
    biases = -(apart.T * weights).sum(axis=0) / 2 - center @ weights
    return Tuning(categories, weights.astype(np.float32), biases.astype(np.float32), 1.0)


def moments(vectors: Vectors) -> Doubles:
    """The mean outer product (dim, dim) of the vectors (n, dim) with themselves; 0 without any."""
    products: Doubles = (vectors.T @ vectors).astype(np.float64) / max(1, len(vectors))
    return products


def shrunk(covariance: Doubles) -> Doubles:
    """The covariance (dim, dim), moved towards that of equal variance in all directions."""
    dim = len(covariance)
    even = SHRINKAGE * np.trace(covariance) / dim + FLOOR
    mixed: Doubles = (1 - SHRINKAGE) * covariance + even * np.eye(dim)
    return mixed


def logits(tuning: Tuning, vectors: Vectors) -> Doubles:
    """The classifier's values (m, K) for vectors (m, dim), before the softmax."""
    values: Doubles = (vectors @ tuning.weights + tuning.biases).astype(np.float64)
    return values


def temperature(logits: Doubles, labels: Labels) -> float:
    """The divisor with which the softmax of logits (m, K) gives honest probabilities.

    Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", 2017): the divisor
    of least cross-entropy on pictures held out, whose true categories are `labels` (m,).
    """
    entropies = []
    for divisor in TEMPERATURES:
        values = logits / divisor
        values -= values.max(axis=1, keepdims=True)
        true = values[np.arange(len(labels)), labels]
        entropies.append((np.log(np.exp(values).sum(axis=1)) - true).mean())
    return float(TEMPERATURES[np.argmin(entropies)])


def scaled(tuning: Tuning, divisor: float, *, strength: float = 1.0) -> Tuning:
    """The tuning with its logits divided by a temperature, and with this strength."""
    weights, biases = tuning.weights / np.float32(divisor), tuning.biases / np.float32(divisor)
    return replace(tuning, weights=weights, biases=biases, strength=strength)
