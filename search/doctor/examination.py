"""The examination: measures what has changed, and updates the findings.

What is known is kept in a file. If the file is lost, everything is measured again.
"""

import logging
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from time import monotonic

import numpy as np
from django.conf import settings

from catalog.embedders.runtime import Embedder
from catalog.files import DamagedFile, open_arrays, replace_file
from search.doctor.findings import settle
from search.doctor.gallery import Gallery, gallery_of
from search.doctor.judging import suspicions
from search.doctor.measuring import QUALITY, Qualities, measure_stored
from search.doctor.models import Examined
from search.doctor.neighbours import Neighbours, look_around, no_neighbours
from search.engines import corpus_for
from search.index.snapshots import exclusive
from search.ranking import Positions

logger = logging.getLogger(__name__)

SAVE_SECONDS = 300.0  # how long to measure before saving; an interrupted run continues from there
BATCH_PICTURES = 256  # measured at a time
FORMAT = 1  # of the file; increase it when its contents, or the way they are measured, change


@dataclass(frozen=True)
class Measurements:
    """What is known about products and pictures."""

    identity: str  # of the embedder
    generation: int  # of the corpus that was measured; 0 while something is left
    neighbours: Neighbours
    qualities: Qualities  # by rising key


@dataclass(frozen=True)
class Examination:
    """The progress of an examination."""

    products: int  # that can be found
    left: int  # of them, still to be examined


def examine(
    embedder: Embedder, *, seconds: float = SAVE_SECONDS, anew: bool = False
) -> Examination:
    """Examine what has changed since the last time, for about this many seconds.

    Findings whose cause is gone are deleted, except on products that are still to be examined. Safe
    to stop and repeat; does nothing if nothing has changed. Raises OSError.
    """
    with exclusive(measurements_file()):
        corpus = corpus_for(embedder.identity, embedder.dim)
        empty = Measurements(embedder.identity, 0, no_neighbours(), np.empty(0, QUALITY))
        before = empty if anew else load_measurements(embedder.identity) or empty
        if before.generation == corpus.generation:
            Examined.objects.get_or_create(pk=1)
            return Examination(len(corpus), 0)
        gallery, until = gallery_of(corpus), monotonic() + seconds
        qualities = _measure(gallery, before.qualities, until)
        neighbours = look_around(gallery, before.neighbours, until=until)
        pending = set(gallery.products.tolist()) - set(neighbours.products.tolist())
        if monotonic() >= until:
            unseen = gallery.owners[_unmeasured(gallery, qualities)]
            pending |= set(gallery.products[unseen].tolist())
        found = suspicions(gallery, neighbours, qualities, input_size=embedder.input_size)
        settle(found, pending=pending)
        Examined.objects.get_or_create(pk=1)
        generation = 0 if pending else corpus.generation
        _save(Measurements(embedder.identity, generation, neighbours, qualities))
        return Examination(len(corpus), len(pending))


def load_measurements(identity: str) -> Measurements | None:
    """The latest measurements with this embedder's vectors, None if they cannot be read."""
    try:
        with open_arrays(measurements_file()) as arrays:
            if [int(arrays["format"]), str(arrays["identity"])] == [FORMAT, identity]:
                neighbours = Neighbours(*(arrays[field.name] for field in fields(Neighbours)))
                generation, qualities = int(arrays["generation"]), arrays["qualities"]
                return Measurements(identity, generation, neighbours, qualities)
    except FileNotFoundError:
        pass
    except (OSError, DamagedFile):
        logger.exception("The doctor's measurements cannot be read; everything is measured again.")
    return None


def load_qualities() -> Qualities:
    """The latest qualities, none if they cannot be read; the rest of the file is not read."""
    try:
        with open_arrays(measurements_file()) as arrays:
            if arrays["format"] == FORMAT:
                qualities: Qualities = arrays["qualities"]
                return qualities
    except (OSError, DamagedFile):
        pass  # the next examination reports it
    return np.empty(0, QUALITY)


def measurements_file() -> Path:
    """The file of the latest measurements."""
    return Path(settings.INDEX_DIR) / "doctor.npz"


def _save(measurements: Measurements) -> None:
    with replace_file(measurements_file()) as aside, aside.open("wb") as file:
        np.savez(
            file,
            format=FORMAT,
            identity=measurements.identity,
            generation=measurements.generation,
            qualities=measurements.qualities,
            **vars(measurements.neighbours),
        )


def _measure(gallery: Gallery, before: Qualities, until: float) -> Qualities:
    """The qualities of the gallery's pictures, as many as `until` (monotonic) allows.

    Known ones are not measured again. Files that cannot be read have none.
    """
    kept = before[np.isin(before["image"], gallery.images)]
    pictures = iter(_unmeasured(gallery, kept).tolist())
    found = [kept]
    while monotonic() < until and (batch := list(islice(pictures, BATCH_PICTURES))):
        names = gallery.names(np.array(batch, np.intp))
        measured = ((picture, measure_stored(name)) for picture, name in names.items())
        rows = [quality.row(gallery.images[picture]) for picture, quality in measured if quality]
        found.append(np.array(rows, QUALITY))
    return np.sort(np.concatenate(found), order="image")


def _unmeasured(gallery: Gallery, known: Qualities) -> Positions:
    """One position for each of the gallery's stored pictures that is not among those known."""
    images, first = np.unique(gallery.images, return_index=True)
    return first[~np.isin(images, known["image"])]
