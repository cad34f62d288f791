"""Which order is worth being put in use, if any."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.ranking.measures import figure
from search.ranking.tuning import Doubles
from search.tuning.validation import TOP, Measure

STRENGTHS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
MOST_LOST = 0.01  # of the photos whose product comes first
MOST_LOST_OF_KIND = 0.04  # of those that are changed in one way, such as cropped


class NotBetter(Exception):
    """The plain order is the best; the message says by what."""


def choose(measures: Sequence[Measure], changes: NDArray[np.str_]) -> Measure:
    """Of the plain order and others, the one of them that finds the most products of the same kind.

    It finds hardly less of the same product than the plain one, in whichever of its ways (copies,)
    a photo is changed, and its gain is more than chance gives with a probability of 0.95.
    Raises NotBetter.
    """
    plain, *others = measures
    harmless = [measure for measure in others if _is_harmless(measure, plain, changes)]
    if not harmless:
        lost = min(float(_lost(measure, plain).mean()) for measure in others)
        raise NotBetter(
            f"The results stay as they are: of changed photos, {lost:.3f} would find their product "
            f"first no more. {MOST_LOST} is the most to be lost, and {MOST_LOST_OF_KIND} of those "
            "changed in one way."
        )
    best = max(harmless, key=lambda measure: measure.precisions.mean())
    gain = figure(best.precisions - plain.precisions)
    if gain.low <= 0:
        raise NotBetter(
            f"The results stay as they are: the share of the first {TOP} that is of the same kind "
            f"would change by {gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}), which may be "
            "chance."
        )
    return best


def _is_harmless(measure: Measure, plain: Measure, changes: NDArray[np.str_]) -> bool:
    lost = _lost(measure, plain)
    of_kinds = [lost[changes == kind].mean() for kind in np.unique(changes)]
    return bool(lost.mean() <= MOST_LOST and max(of_kinds) <= MOST_LOST_OF_KIND)


def _lost(measure: Measure, plain: Measure) -> Doubles:
    return plain.firsts - measure.firsts
