"""What the words for scores are worth here: how pairs of each kind spread over the bands."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from search.bands import WORDS, Bands
from search.evaluation.outcomes import Outcome


def band_rates(outcomes: Iterable[Outcome], bands: Bands) -> dict[str, dict[str, float]]:
    """By kind of pair and band, the share of the pairs; of each kind they sum to 1."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        for kind, scores in outcome.scores.items():
            counts[kind].update(map(bands.word, scores))
    return {kind: _shares(of_kind) for kind, of_kind in counts.items() if of_kind}


def _shares(counts: Counter[str]) -> dict[str, float]:
    return {word: counts[word] / counts.total() for word in WORDS}
