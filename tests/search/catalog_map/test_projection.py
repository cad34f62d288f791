from itertools import product

import numpy as np
import pytest
from PIL import Image

from catalog.embedders.runtime import Embedder
from search.catalog_map import projection
from search.catalog_map.projection import nearest, place_among, project
from tests.conftest import FIXTURES

PIECES = list(product((0.0, 0.12, 0.24), (0.0, 0.24)))  # left and top of parts of a picture


@pytest.fixture(scope="module")
def vectors(embedder: Embedder) -> np.ndarray:
    """Of six pieces of each picture of the demo catalog, picture after picture."""
    squares = []
    for path in sorted((FIXTURES / "images").glob("*.*")):
        picture = Image.open(path).convert("RGB")
        size = min(picture.size)
        for x, y in PIECES:
            box = (x * size, y * size, (x + 0.76) * size, (y + 0.76) * size)
            squares.append(embedder.pixels(picture.crop(tuple(map(round, box)))))
    return embedder.embed(np.stack(squares))


@pytest.fixture(scope="module")
def places(vectors: np.ndarray) -> np.ndarray:
    return project(vectors)


def kept(vectors: np.ndarray, places: np.ndarray) -> float:
    """The share of the 10 nearest by vector that are among the 50 nearest on the map."""
    true = nearest(vectors, vectors, 10, skip_self=True)
    apart = np.linalg.norm(places[:, np.newaxis] - places, axis=2)
    near = apart.argsort(axis=1)[:, 1:51]
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(true, near, strict=True)]))


def test_neighbours_stay_neighbours(vectors: np.ndarray, places: np.ndarray) -> None:
    assert len(vectors) >= 300
    assert kept(vectors, places) > 0.9
    shuffled = np.random.default_rng(0).permutation(places)
    assert kept(vectors, shuffled) < 0.3


def test_map_is_the_same_every_time(vectors: np.ndarray, places: np.ndarray) -> None:
    assert np.array_equal(project(vectors), places)


def test_map_does_not_jump_when_products_come_and_go(
    vectors: np.ndarray, places: np.ndarray
) -> None:
    chance = np.random.default_rng(1)
    left = np.sort(chance.permutation(len(vectors))[: int(0.9 * len(vectors))])
    known = places[left].copy()
    known[::10] = np.nan
    again = project(vectors[left], known)
    assert kept(vectors[left], again) > 0.9
    moved = np.linalg.norm(again - known, axis=1)
    width = np.ptp(places, axis=0).max()
    assert np.nanmedian(moved) < 0.05 * width


def test_what_is_new_begins_among_its_neighbours(vectors: np.ndarray, places: np.ndarray) -> None:
    known = places.copy()
    known[::10] = np.nan
    begun = projection.filled(known, nearest(vectors, vectors, 15, skip_self=True))
    assert np.array_equal(np.isnan(known), begun != places)
    away = np.linalg.norm(begun - places, axis=1)[::10]
    assert np.median(away) < 0.1 * np.ptp(places, axis=0).max()


def test_repulsion_from_the_grid_is_that_of_all_pairs(places: np.ndarray) -> None:
    exact = projection.repulsion_of_pairs(places)
    error = np.linalg.norm(projection.repulsion_on_grid(places) - exact)
    assert error < 0.15 * np.linalg.norm(exact)


def test_others_are_placed_among_what_they_look_like(
    vectors: np.ndarray, places: np.ndarray
) -> None:
    is_landmark = np.arange(len(vectors)) % 3 > 0
    mixed = places.copy()
    mixed[~is_landmark] = place_among(
        vectors[~is_landmark], vectors[is_landmark], places[is_landmark]
    )
    assert kept(vectors, mixed) > 0.85


@pytest.mark.parametrize("count", range(8))
def test_smallest_catalogs_have_places_of_their_own(vectors: np.ndarray, count: int) -> None:
    places = project(vectors[:count])
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places.round(6), axis=0)) == count


def test_equal_pictures_are_side_by_side(vectors: np.ndarray) -> None:
    places = project(np.repeat(vectors[::6], 2, axis=0))
    apart = np.linalg.norm(places[::2] - places[1::2], axis=1)
    assert (apart > 0).all()
    assert np.median(apart) < 0.1 * np.ptp(places, axis=0).max()


def test_catalog_of_one_picture_has_a_map(vectors: np.ndarray) -> None:
    assert np.isfinite(project(np.repeat(vectors[:1], 300, axis=0))).all()
