"""Scores in words. The limits are plain ones for now."""

from django.utils.translation import gettext_noop

# From this cosine on, the best first; what is below all is related loosely.
BANDS = (
    (0.98, gettext_noop("exact")),
    (0.85, gettext_noop("very close")),
    (0.70, gettext_noop("similar")),
)
LOWEST = gettext_noop("loosely related")


def band(score: float) -> str:
    """The word for a cosine, in English; pages translate it."""
    return next((word for least, word in BANDS if score >= least), LOWEST)
