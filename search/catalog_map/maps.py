"""The map of the catalog: where each product is on it, in a file that all processes read."""

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import time
from zipfile import BadZipFile

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from catalog.files import replace_file
from search.catalog_map.projection import Places, place_among, project
from search.engines import Corpus, corpus_for
from search.index.segments import Ids
from search.index.snapshots import exclusive
from search.ranking import Positions

logger = logging.getLogger(__name__)

LANDMARKS = 10_000  # products that are laid out; others are placed among them
MOST = 30_000  # products on a map; of more, these are evenly spread over the catalog
AT_ONCE = 4096  # products placed among the landmarks at a time
SELDOM = 60 * 60  # seconds for which a worker leaves a map as it is


@dataclass(frozen=True)
class CatalogMap:
    """Products and their places, in the arbitrary unit of the projection."""

    generation: int  # of the corpus that it shows
    identity: str  # of the embedder
    total: int  # products that could be searched then
    products: Ids  # (n,), ids, rising
    places: Places  # (n, 2)

    def unit_places(self) -> Places:
        """The places (n, 2) within 0 and 1, in the middle, their proportions kept."""
        low, high = self.places.min(axis=0), self.places.max(axis=0)
        unit: Places = 0.5 + (self.places - (low + high) / 2) / ((high - low).max() or 1)
        return unit


def draw_map(identity: str, dim: int) -> bool:
    """Draw the map of what is searched now, if there is none of it; whether that was so.

    Raises OSError.
    """
    with exclusive(_file()):
        corpus = corpus_for(identity, dim)
        old = load_map()
        if not len(corpus) or (old and _is_of(old, corpus)):
            return False
        save_map(_drawn(corpus, old))
        return True


def draw_map_seldom(identity: str, dim: int) -> None:
    """Draw it, unless there is one that is less than an hour old. Raises OSError."""
    file = _file()
    if not file.exists() or time() - file.stat().st_mtime > SELDOM:
        draw_map(identity, dim)


def load_map() -> CatalogMap | None:
    """The latest map, None while there is none."""
    try:
        return _read(_file(), _file().stat().st_mtime_ns)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, BadZipFile):
        logger.exception("The map can't be read; build_embeddings draws another.")
        return None


def _is_of(old: CatalogMap, corpus: Corpus) -> bool:
    return (old.generation, old.identity) == (corpus.generation, corpus.identity)


def _drawn(corpus: Corpus, old: CatalogMap | None) -> CatalogMap:
    items = _evenly(np.flatnonzero(corpus.live), MOST)
    is_landmark = np.zeros(len(items), bool)
    is_landmark[_evenly(np.arange(len(items)), LANDMARKS)] = True
    landmarks = _vectors(corpus, items[is_landmark])
    known = _known(corpus, items[is_landmark], old)
    places = np.empty((len(items), 2))
    places[is_landmark] = project(landmarks, known)
    others = np.flatnonzero(~is_landmark)
    for start in range(0, len(others), AT_ONCE):
        some = others[start : start + AT_ONCE]
        vectors = _vectors(corpus, items[some])
        places[some] = place_among(vectors, landmarks, places[is_landmark])
    order = np.argsort(corpus.products[items])
    products = corpus.products[items][order]
    return CatalogMap(corpus.generation, corpus.identity, len(corpus), products, places[order])


def _evenly(items: Positions, most: int) -> Positions:
    """All items, or of more than that many as many, spread evenly."""
    if len(items) <= most:
        return items
    return items[np.linspace(0, len(items) - 1, most).astype(np.intp)]


def _vectors(corpus: Corpus, items: Positions) -> NDArray[np.float32]:
    """The vectors (len(items), dim) of these products' first pictures."""
    return corpus.vectors(corpus.starts[items])


def _known(corpus: Corpus, items: Positions, old: CatalogMap | None) -> Places | None:
    """Their places on the old map, NaN where it has none; None where it is of little use."""
    if old is None or old.identity != corpus.identity:
        return None
    products = corpus.products[items]
    position = np.clip(np.searchsorted(old.products, products), 0, len(old.products) - 1)
    is_known = old.products[position] == products
    if 2 * is_known.sum() < len(items):
        return None
    return np.where(is_known[:, np.newaxis], old.places[position], np.nan)


def save_map(new: CatalogMap) -> None:
    """Put the map in the place of the one before, in one step. Raises OSError."""
    with replace_file(_file()) as aside, aside.open("wb") as file:
        np.savez(file, **vars(new))


@lru_cache(maxsize=1)
def _read(file: Path, _written: int) -> CatalogMap:
    with file.open("rb") as opened, np.load(opened) as arrays:
        return CatalogMap(
            generation=int(arrays["generation"]),
            identity=str(arrays["identity"]),
            total=int(arrays["total"]),
            products=arrays["products"],
            places=arrays["places"],
        )


def _file() -> Path:
    return Path(settings.INDEX_DIR) / "map.npz"
