"""What the answers to a query are ordered by."""

from dataclasses import dataclass
from math import exp

import numpy as np

from search.ranking.bounds import Vectors
from search.ranking.tuning import LEVEL, SHARPNESS, Doubles, Items, Labelled, raised

STEEPEST = exp(SHARPNESS * (1 - LEVEL))  # how fast a tuned key rises with the score, at most
# Of rounding to single precision, in units of 2**-24: a key is below 4, so that four units in the
# last place of exp are 16 and two roundings of its argument 21; adding the bonus rounds twice more.
UNITS = 64


@dataclass(frozen=True)
class Order:
    """Keys of items: their scores, or what a tuning makes of them."""

    labelled: Labelled | None
    bonuses: Doubles  # (K + 1,)

    def keys(self, scores: Vectors, items: Items = slice(None)) -> Vectors:
        """Keys of items with these scores, in single precision, within `rounding_error`."""
        if self.labelled is None:
            return scores
        bonuses = self.bonuses.astype(np.float32)
        return raised(scores) + bonuses.take(self.labelled.labels[items], mode="clip")

    def exact_keys(self, scores: Doubles, items: Items) -> Doubles:
        """The same in double precision."""
        if self.labelled is None:
            return scores
        return raised(scores) + self.bonuses[self.labelled.labels[items]]

    def rounding_error(self, of_scores: float) -> float:
        """How far keys can be off whose scores are off by so much."""
        if self.labelled is None:
            return of_scores
        return 1.01 * STEEPEST * of_scores + UNITS * 2.0**-24


def order_of(labelled: Labelled | None, query: Vectors) -> Order:
    """The order of the answers to a query (dim,)."""
    return Order(labelled, labelled.tuning.bonuses(query) if labelled else np.empty(0))
