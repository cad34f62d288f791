"""Scores in words: from which cosine on two pictures are how much alike.

The limits are those that `search.calibration.limits` found for the catalog, or plain ones.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from time import monotonic

from django.utils.translation import gettext_noop

from search.bands.models import Calibration

LIFETIME = 2  # seconds after which a process looks for other limits
EXACT = gettext_noop("exact")
VERY_CLOSE = gettext_noop("very close")
SIMILAR = gettext_noop("similar")
LOWEST = gettext_noop("loosely related")
WORDS = (EXACT, VERY_CLOSE, SIMILAR, LOWEST)  # the best first
MEANINGS = {
    EXACT: gettext_noop("The very same photo, or one saved anew."),
    VERY_CLOSE: gettext_noop("The same product, or one that is hard to tell from it."),
    SIMILAR: gettext_noop("The same kind of thing. Hardly anything unrelated comes so close."),
    LOWEST: gettext_noop("Something of the looks is there, and it may be chance."),
}


@dataclass(frozen=True)
class Band:
    """A word for scores."""

    name: str  # in English; pages translate it
    least: float | None  # the cosine from which on it holds; None for the lowest

    @property
    def meaning(self) -> str:
        """What it says of two pictures, in English."""
        return MEANINGS[self.name]


@dataclass(frozen=True)
class Bands:
    """From which cosine on a word holds, until the next; what is below all is related loosely."""

    exact: float = 0.98
    very_close: float = 0.85
    similar: float = 0.70

    @cached_property
    def all(self) -> list[Band]:
        """The best first."""
        limits = (self.exact, self.very_close, self.similar, None)
        return [Band(word, least) for word, least in zip(WORDS, limits, strict=True)]

    def word(self, score: float) -> str:
        """The word for a cosine, in English."""
        return next(b.name for b in self.all if b.least is None or score >= b.least)


PLAIN = Bands()


def bands_of(identity: str) -> Bands:
    """The bands for the vectors of an embedder, as they were a moment ago."""
    return read_bands(identity, monotonic() // LIFETIME)


@lru_cache(maxsize=8)
def read_bands(identity: str, _moment: float) -> Bands:
    """The bands for an embedder's vectors, read once for each moment."""
    found = Calibration.objects.filter(embedder=identity)
    limits = found.values_list("exact", "very_close", "similar").first()
    return Bands(*limits) if limits else PLAIN
