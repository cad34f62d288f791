"""The quality of every picture, measured once."""

from itertools import islice
from time import monotonic

import numpy as np
from django.core.files.storage import default_storage

from catalog.pictures.fields import image_limits
from catalog.pictures.gate import InvalidImage, open_image
from search.doctor.facts import QUALITY, Qualities
from search.doctor.gallery import Gallery
from search.doctor.judging import AGREES
from search.doctor.pixels import SIDE, Quality, agreement, measure
from search.ranking import Positions

AT_ONCE = 256  # pictures


def measure_all(gallery: Gallery, before: Qualities, *, until: float) -> Qualities:
    """The qualities of the gallery's pictures, of as many as `until` (monotonic) allows.

    Those that are known are not measured again. A file that can't be read has none.
    """
    kept = before[np.isin(before["image"], gallery.images)]
    pictures = iter(unmeasured(gallery, kept).tolist())
    found = [kept]
    while monotonic() < until and (some := list(islice(pictures, AT_ONCE))):
        names = gallery.names(np.array(some, np.intp))
        measured = ((picture, measure_stored(name)) for picture, name in names.items())
        rows = (
            row_of(quality, gallery.images[picture]) for picture, quality in measured if quality
        )
        found.append(np.array(list(rows), QUALITY))
    return np.sort(np.concatenate(found), order="image")


def row_of(quality: Quality, key: int = 0) -> tuple[object, ...]:
    """A row of QUALITY, for the picture of this key."""
    return key, quality.side, quality.sharpness, quality.spread, quality.layout


def unmeasured(gallery: Gallery, known: Qualities) -> Positions:
    """One of each of the gallery's pictures that are not among those known."""
    keys, first = np.unique(gallery.images, return_index=True)
    return first[~np.isin(keys, known["image"])]


def measure_stored(name: str) -> Quality | None:
    """The quality of a stored picture; None where it can't be read."""
    try:
        with default_storage.open(name) as file:
            picture = open_image(file.read(), limits=image_limits(), at_least=SIDE)
    except (OSError, InvalidImage):
        return None  # whoever embeds it says so, on its row
    return measure(picture)


def are_alike(one: str, other: str) -> bool:
    """Whether two stored pictures have the same layout; not where one can't be read."""
    first, second = measure_stored(one), measure_stored(other)
    return bool(first and second and agreement(first.layout, second.layout) >= AGREES)
