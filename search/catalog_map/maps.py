"""The map of the catalog: the place of each product, in a file that all processes read."""

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import time

import numpy as np
from django.conf import settings

from catalog.files import DamagedFile, open_arrays, replace_file
from search.catalog_map.projection import Places, place_among, project
from search.engines import Corpus, corpus_for
from search.index.corpus import Ids, places_among
from search.index.snapshots import exclusive
from search.ranking import Positions

logger = logging.getLogger(__name__)

MAX_LANDMARKS = 10_000  # products that are laid out; further ones are placed among them
MAX_PRODUCTS = 30_000  # on a map; larger catalogs are sampled evenly
BATCH_PRODUCTS = 4096  # placed among the landmarks at a time
MIN_AGE = 60 * 60  # seconds before a worker replaces a map


@dataclass(frozen=True)
class CatalogMap:
    """Products and their places, in the arbitrary unit of the projection."""

    generation: int  # of the corpus that it shows
    identity: str  # of the embedder
    total: int  # products that could be searched then
    products: Ids  # (n,), ids, rising
    places: Places  # (n, 2)

    def unit_places(self) -> Places:
        """The places (n, 2) scaled and centred to fit between 0 and 1."""
        low, high = self.places.min(axis=0), self.places.max(axis=0)
        unit: Places = 0.5 + (self.places - (low + high) / 2) / ((high - low).max() or 1)
        return unit


def draw_map(identity: str, dim: int) -> bool:
    """Draw the map unless it shows the current catalog; return True if it was drawn.

    Raises OSError.
    """
    with exclusive(_file()):
        corpus, old = corpus_for(identity, dim), load_map()
        is_current = old and (old.generation, old.identity) == (corpus.generation, identity)
        if not len(corpus) or is_current:
            return False
        save_map(_drawn(corpus, old))
        return True


def draw_map_seldom(identity: str, dim: int) -> None:
    """Draw the map unless there is a sound one less than an hour old. Raises OSError."""
    if load_map() is None or time() - _file().stat().st_mtime > MIN_AGE:
        draw_map(identity, dim)


def load_map() -> CatalogMap | None:
    """The latest map, None if there is none or its file is damaged."""
    try:
        return _read(_file(), _file().stat().st_mtime_ns)
    except FileNotFoundError:
        return None
    except OSError:
        logger.exception("The map cannot be read.")
        return None


def save_map(new: CatalogMap) -> None:
    """Replace the stored map. Raises OSError."""
    with replace_file(_file()) as aside, aside.open("wb") as file:
        np.savez(file, **vars(new))


def _drawn(corpus: Corpus, old: CatalogMap | None) -> CatalogMap:
    items = _evenly(np.flatnonzero(corpus.live), MAX_PRODUCTS)
    is_landmark = np.zeros(len(items), bool)
    is_landmark[_evenly(np.arange(len(items)), MAX_LANDMARKS)] = True
    first_rows = corpus.starts[items]  # a product is placed by its first picture
    landmarks = corpus.vectors(first_rows[is_landmark])
    places = np.empty((len(items), 2))
    known = _known(corpus.products[items[is_landmark]], corpus.identity, old)
    places[is_landmark] = project(landmarks, known)
    others = np.flatnonzero(~is_landmark)
    for start in range(0, len(others), BATCH_PRODUCTS):
        some = others[start : start + BATCH_PRODUCTS]
        vectors = corpus.vectors(first_rows[some])
        places[some] = place_among(vectors, landmarks, places[is_landmark])
    order = np.argsort(corpus.products[items])
    products = corpus.products[items][order]
    return CatalogMap(corpus.generation, corpus.identity, len(corpus), products, places[order])


def _evenly(items: Positions, count: int) -> Positions:
    """At most `count` of the items, spread evenly."""
    if len(items) <= count:
        return items
    return items[np.linspace(0, len(items) - 1, count).astype(np.intp)]


def _known(products: Ids, identity: str, old: CatalogMap | None) -> Places | None:
    """The products' places on the old map, NaN for new ones; None if most of them are new."""
    if old is None or old.identity != identity:
        return None
    position = places_among(old.products, products)
    is_known = position >= 0
    if 2 * is_known.sum() < len(products):
        return None
    return np.where(is_known[:, np.newaxis], old.places[position], np.nan)


@lru_cache(maxsize=1)
def _read(file: Path, _written: int) -> CatalogMap | None:
    """The map in a file, None if it is damaged. Raises OSError."""
    try:
        with open_arrays(file) as arrays:
            read = CatalogMap(
                generation=int(arrays["generation"]),
                identity=str(arrays["identity"]),
                total=int(arrays["total"]),
                products=arrays["products"],
                places=arrays["places"],
            )
            if read.places.shape != (len(read.products), 2) or not len(read.products):
                raise DamagedFile("Products and places do not match.")
            if not np.isfinite(read.places).all():
                raise DamagedFile("A place is not a number.")
    except DamagedFile:
        logger.exception("The map is damaged. A worker or build_embeddings draws a new one.")
        return None
    return read


def _file() -> Path:
    return Path(settings.INDEX_DIR) / "map.npz"
