"""The nearest other products of each product, looked up again only where they may have changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from search.doctor.gallery import Gallery
from search.index.corpus import Ids, places_among
from search.ranking import Mask, Positions

NEAREST = 10
BATCH_PRODUCTS = 256  # looked up at a time
NOBODY = 0  # no product has this id


@dataclass(frozen=True)
class Neighbours:
    """The NEAREST products to each of some products, nearest first."""

    products: Ids  # (n,), rising
    fingerprints: Ids  # (n,), of their pictures when they were looked up
    others: Ids  # (n, NEAREST), products; NOBODY where there are too few
    scores: NDArray[np.float32]  # (n, NEAREST), the cosine of the closest pictures


def no_neighbours() -> Neighbours:
    """The neighbours before the first look-up."""
    ids = np.empty(0, np.int64)
    table = (0, NEAREST)
    return Neighbours(ids, ids, np.empty(table, np.int64), np.empty(table, np.float32))


def look_around(gallery: Gallery, before: Neighbours, *, until: float) -> Neighbours:
    """The neighbours of the gallery's products, as many as `until` (monotonic) allows.

    A list from before is still valid if the product and all its neighbours have the same pictures.
    If a product turns out to be nearer to another one than some of its neighbours, that one is
    looked up again.
    """
    others = np.full((len(gallery.products), NEAREST), NOBODY, np.int64)
    scores = np.full(others.shape, -1.0, np.float32)
    known, place = _still_known(gallery, before)
    others[known], scores[known] = before.others[place], before.scores[place]
    while monotonic() < until and len(unknown := np.flatnonzero(~known)):
        some = unknown[:BATCH_PRODUCTS]
        others[some], scores[some] = NOBODY, -1.0
        for position, found in _nearest(gallery, some):
            others[position, : len(found)] = [product for product, _ in found]
            scores[position, : len(found)] = [score for _, score in found]
        known[some] = True
        # Forget the lists that lack one of these products.
        theirs = np.searchsorted(gallery.products, others[some]) % len(known)
        is_nearer = (others[some] != NOBODY) & (scores[some] > scores[theirs, -1])
        us = gallery.products[some, np.newaxis, np.newaxis]
        known[theirs[is_nearer & ~(others[theirs] == us).any(axis=2)]] = False
    return Neighbours(
        gallery.products[known], gallery.fingerprints[known], others[known], scores[known]
    )


def _nearest(gallery: Gallery, some: Positions) -> Iterator[tuple[int, list[tuple[int, float]]]]:
    """For each of some products, by its position, the nearest others and their scores."""
    pictures, corpus = gallery.pictures(some), gallery.corpus.with_tuning(None)
    best: dict[int, dict[int, float]] = {int(position): {} for position in some}
    rankings = corpus.rank_many(gallery.vectors(pictures), NEAREST + 1)
    for picture, ranking in zip(pictures, rankings, strict=True):
        of_owner = best[int(gallery.owners[picture])]
        products = corpus.products[ranking.items].tolist()
        for product, score in zip(products, ranking.scores.tolist(), strict=True):
            of_owner[product] = max(score, of_owner.get(product, -1.0))
    for position, others in best.items():
        others.pop(int(gallery.products[position]), None)
        yield position, sorted(others.items(), key=lambda pair: (-pair[1], pair[0]))[:NEAREST]


def _still_known(gallery: Gallery, before: Neighbours) -> tuple[Mask, Positions]:
    """Which products (n,) have a valid list from before, and the positions of these lists."""
    place = places_among(before.products, gallery.products)
    is_same = place >= 0
    is_same[is_same] = before.fingerprints[place[is_same]] == gallery.fingerprints[is_same]
    same = np.append(gallery.products[is_same], NOBODY)
    is_same[is_same] = np.isin(before.others[place[is_same]], same).all(axis=1)
    return is_same, place[is_same]
