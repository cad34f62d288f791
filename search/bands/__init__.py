"""Maps cosine scores to words such as "very close".

`search.calibration` finds the limits between the words for each catalog. Until then, `PLAIN` is
used.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from time import monotonic

from django.utils.translation import gettext_noop

from search.bands.models import Calibration

__all__ = ["MEANINGS", "PLAIN", "WORDS", "Band", "Bands", "bands_of", "read_bands"]

CACHED_SECONDS = 2  # for which a process keeps the limits that it has read
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
    """A word for scores from `least` up to the next band."""

    name: str  # in English; pages translate it
    least: float | None  # the lowest cosine; None for the lowest band

    @property
    def meaning(self) -> str:
        """What the word says about two pictures, in English."""
        return MEANINGS[self.name]


@dataclass(frozen=True)
class Bands:
    """The lowest cosine of each band but the last, which has everything below."""

    exact: float = 0.98
    very_close: float = 0.85
    similar: float = 0.70

    @cached_property
    def all(self) -> list[Band]:
        """The bands, best first."""
        limits = (self.exact, self.very_close, self.similar, None)
        return [Band(word, least) for word, least in zip(WORDS, limits, strict=True)]

    def word(self, score: float) -> str:
        """The word for a cosine, in English."""
        return next(b.name for b in self.all if b.least is None or score >= b.least)


PLAIN = Bands()


def bands_of(identity: str) -> Bands:
    """The bands for the vectors of an embedder, at most CACHED_SECONDS old."""
    return read_bands(identity, monotonic() // CACHED_SECONDS)


# A cache of the process: every search needs the bands, and they change once in months. Tests clear
# it with `read_bands.cache_clear()`.
@lru_cache(maxsize=8)
def read_bands(identity: str, _moment: float) -> Bands:
    """The bands for an embedder's vectors, read once for each moment."""
    found = Calibration.objects.filter(embedder=identity)
    limits = found.values_list("exact", "very_close", "similar").first()
    return Bands(*limits) if limits else PLAIN
