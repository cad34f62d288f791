"""How sure of a picture's category one may be."""

from dataclasses import replace

import numpy as np

from search.ranking.bounds import Vectors
from search.ranking.tuning import Doubles, Labels, Tuning

TEMPERATURES = np.geomspace(0.25, 64, 49)


def temperature(logits: Doubles, labels: Labels) -> float:
    """By what to divide logits (m, K) so that they tell how likely each category is.

    Temperature scaling, as in Guo et al., "On Calibration of Modern Neural Networks" (2017): that
    of least cross-entropy on pictures that were not learned from. `labels` (m,) are the right ones.
    """
    entropies = [_cross_entropy(logits / t, labels) for t in TEMPERATURES]
    return float(TEMPERATURES[np.argmin(entropies)])


def logits(tuning: Tuning, vectors: Vectors) -> Doubles:
    """What a tuning says of vectors (m, dim) before it is made likely, (m, K)."""
    said: Doubles = (vectors @ tuning.weights + tuning.biases).astype(np.float64)
    return said


def calibrated(tuning: Tuning, by: float, *, strength: float = 1.0) -> Tuning:
    """The tuning with its logits divided by a temperature, and this strength."""
    weights, biases = tuning.weights / np.float32(by), tuning.biases / np.float32(by)
    return replace(tuning, weights=weights, biases=biases, strength=strength)


def _cross_entropy(logits: Doubles, labels: Labels) -> float:
    logits = logits - logits.max(axis=1, keepdims=True)
    right = logits[np.arange(len(labels)), labels]
    return float((np.log(np.exp(logits).sum(axis=1)) - right).mean())
