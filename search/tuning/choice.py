"""Decides which order, if any, is worth using."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from search.ranking.measures import figure
from search.tuning.validation import TOP, Measure

STRENGTHS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
MAX_LOST = 0.01  # share of changed photos that may stop finding their product first
MAX_LOST_PER_CHANGE = 0.04  # the same among photos changed in one way, such as cropped


class NotBetter(Exception):
    """No tuned order is better than the plain one; the message gives the figures."""


def choose(measures: Sequence[Measure], changes: NDArray[np.str_]) -> Measure:
    """The best order after the plain one, which comes first. Raises NotBetter.

    Only orders that lose hardly any photo's own product qualify, overall and for each change of
    `changes` (copies,). The best one finds most products of the same kind, and its gain over the
    plain order must be significant (95 %).
    """
    plain, *others = measures
    harmless, lost_by_any = [], []
    for measure in others:
        lost = plain.firsts - measure.firsts
        lost_by_any.append(lost.mean())
        of_change = max(lost[changes == change].mean() for change in np.unique(changes))
        if lost.mean() <= MAX_LOST and of_change <= MAX_LOST_PER_CHANGE:
            harmless.append(measure)
    if not harmless:
        raise NotBetter(
            f"The results stay as they are: with any tuned order, at least {min(lost_by_any):.3f} "
            "of changed photos would no longer find their product first. At most "
            f"{MAX_LOST} is allowed, and {MAX_LOST_PER_CHANGE} of the photos changed in one way."
        )
    best = max(harmless, key=lambda measure: measure.precisions.mean())
    gain = figure(best.precisions - plain.precisions)
    if gain.low <= 0:
        raise NotBetter(
            f"The results stay as they are: the share of the first {TOP} of the same kind would "
            f"change by {gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}), which may be "
            "chance."
        )
    return best


def lines(measures: Sequence[Measure]) -> Iterator[str]:
    """The means as a table for a terminal, one line for each strength."""
    yield f"strength  same kind in {TOP}  mean average precision  same product first"
    for measure in measures:
        strength = f"{measure.strength:g}" if measure.strength else "none"
        yield (
            f"{strength:8}  {measure.precisions.mean():15.3f}"
            f"  {measure.average_precisions.mean():22.3f}  {measure.firsts.mean():18.3f}"
        )
