"""What the words for scores are worth here: how pairs of each kind spread over the bands."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from search.bands import Bands
from search.calibration.limits import shares
from search.evaluation.outcomes import Outcome


def band_rates(outcomes: Iterable[Outcome], bands: Bands) -> dict[str, dict[str, float]]:
    """By kind of pair and band, the share of the pairs; of each kind they sum to 1."""
    scores: dict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        for kind, of_kind in outcome.scores.items():
            scores[kind] += of_kind
    return {kind: shares(bands, np.array(of_kind)) for kind, of_kind in scores.items() if of_kind}
