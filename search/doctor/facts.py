"""What was found out about the catalog so far, in a file: thrown away, it is found out again."""

import logging
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from catalog.files import replace_file
from search.doctor.neighbours import Neighbours, nothing_known
from search.doctor.pixels import LAYOUT

logger = logging.getLogger(__name__)

UNREADABLE = (OSError, ValueError, KeyError, BadZipFile)

FORMAT = 1  # of the file; whoever changes what stands in it, or how it is measured, changes this
# Of a picture: its key, and what `pixels.Quality` has.
QUALITY = np.dtype([
    ("image", "<i8"), ("side", "<i4"), ("sharpness", "<f4"), ("spread", "<f4"),
    ("layout", "u1", LAYOUT),
])  # fmt: skip

Qualities = NDArray[np.void]  # (m,) of QUALITY


@dataclass(frozen=True)
class Facts:
    """What is known of products and pictures; of which catalog, if nothing is left to look at."""

    identity: str  # of the embedder
    generation: int  # of the corpus; 0 while something is left
    neighbours: Neighbours
    qualities: Qualities  # by rising key


def nothing_found(identity: str) -> Facts:
    """The facts before the first look."""
    return Facts(identity, 0, nothing_known(), np.empty(0, QUALITY))


def load_facts(identity: str) -> Facts:
    """What was saved last with this embedder's vectors, nothing if that can't be read."""
    try:
        with facts_file().open("rb") as file, np.load(file) as arrays:
            if [int(arrays["format"]), str(arrays["identity"])] == [FORMAT, identity]:
                neighbours = Neighbours(*(arrays[field.name] for field in fields(Neighbours)))
                return Facts(identity, int(arrays["generation"]), neighbours, arrays["qualities"])
    except FileNotFoundError:
        pass
    except UNREADABLE:
        logger.exception("What the doctor knew can't be read; it looks at everything again.")
    return nothing_found(identity)


def load_qualities() -> Qualities:
    """The qualities that were saved last, none if they can't be read; the rest stays on disk."""
    try:
        with facts_file().open("rb") as file, np.load(file) as arrays:
            if arrays["format"] == FORMAT:
                qualities: Qualities = arrays["qualities"]
                return qualities
    except UNREADABLE:
        pass  # whoever examines the catalog says so
    return np.empty(0, QUALITY)


def save_facts(facts: Facts) -> None:
    """Put the facts in the place of those before, in one step. Raises OSError."""
    with replace_file(facts_file()) as aside, aside.open("wb") as file:
        np.savez(
            file,
            format=FORMAT,
            identity=facts.identity,
            generation=facts.generation,
            qualities=facts.qualities,
            **vars(facts.neighbours),
        )


def facts_file() -> Path:
    """Where the facts are."""
    return Path(settings.INDEX_DIR) / "doctor.npz"
