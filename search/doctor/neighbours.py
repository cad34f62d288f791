"""The nearest other products of each product, looked up again only where they can have changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from search.doctor.gallery import Gallery, nearest
from search.index.segments import Ids
from search.ranking import Mask, Positions

NEAREST = 10
AT_ONCE = 256  # products
NOBODY = 0  # no product's id

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Neighbours:
    """The NEAREST products to each of some products, nearest first."""

    products: Ids  # (n,), rising
    fingerprints: Ids  # (n,), of the pictures that were looked at
    others: Ids  # (n, NEAREST), products; NOBODY where there are too few
    scores: Scores  # (n, NEAREST), the cosine of the closest pictures


def nothing_known() -> Neighbours:
    """What is known before the first look."""
    ids = np.empty(0, np.int64)
    table = (0, NEAREST)
    return Neighbours(ids, ids, np.empty(table, np.int64), np.empty(table, np.float32))


def look_around(gallery: Gallery, before: Neighbours, *, until: float) -> Neighbours:
    """The neighbours of the gallery's products, of as many as `until` (monotonic) allows.

    What was known before counts where the pictures of a product and of all its neighbours are the
    same. A product that comes nearer to another than one of its neighbours has that one looked at
    again.
    """
    tables = _Tables(gallery, before)
    while monotonic() < until and len(unknown := np.flatnonzero(~tables.known)):
        tables.fill(unknown[:AT_ONCE])
    return tables.filled()


class _Tables:
    """What is found out about each product of the gallery, while it is."""

    def __init__(self, gallery: Gallery, before: Neighbours) -> None:
        self._gallery = gallery
        self.others = np.full((len(gallery.products), NEAREST), NOBODY, np.int64)
        self.scores = np.full(self.others.shape, -1.0, np.float32)
        self.known, place = _still_known(gallery, before)
        self.others[self.known] = before.others[place]
        self.scores[self.known] = before.scores[place]

    def fill(self, some: Positions) -> None:
        """Rank all for some products, and forget the lists that lack one of these."""
        for position, (others, scores) in zip(some, self._look(some), strict=True):
            self.others[position] = NOBODY
            self.others[position, : len(others)] = others
            self.scores[position] = -1.0
            self.scores[position, : len(others)] = scores
        self.known[some] = True
        self.known[self._lacking(some)] = False

    def filled(self) -> Neighbours:
        """The tables of those that were looked at."""
        return Neighbours(
            self._gallery.products[self.known],
            self._gallery.fingerprints[self.known],
            self.others[self.known],
            self.scores[self.known],
        )

    def _look(self, some: Positions) -> Iterator[tuple[Ids, Scores]]:
        pictures = self._gallery.pictures(some)
        best: dict[int, dict[int, float]] = {int(position): {} for position in some}
        found = nearest(self._gallery.corpus, self._gallery.vectors(pictures), NEAREST + 1)
        for picture, (products, scores) in zip(pictures, found, strict=True):
            of_owner = best[int(self._gallery.owners[picture])]
            for product, score in zip(products.tolist(), scores.tolist(), strict=True):
                of_owner[product] = max(score, of_owner.get(product, -1.0))
        for position, others in best.items():
            others.pop(int(self._gallery.products[position]), None)
            ranked = sorted(others.items(), key=lambda pair: (-pair[1], pair[0]))[:NEAREST]
            yield (
                np.array([product for product, _ in ranked], np.int64),
                np.array([score for _, score in ranked], np.float32),
            )

    def _lacking(self, some: Positions) -> Positions:
        """Products whose list should have one of these, and has not."""
        theirs = np.searchsorted(self._gallery.products, self.others[some]) % len(self.known)
        nearer = (self.others[some] != NOBODY) & (self.scores[some] > self.scores[theirs, -1])
        us = self._gallery.products[some, np.newaxis, np.newaxis]
        lacking: Positions = theirs[nearer & ~(self.others[theirs] == us).any(axis=2)]
        return lacking


def _still_known(gallery: Gallery, before: Neighbours) -> tuple[Mask, Positions]:
    """Of which products (n,) the lists hold, and where those are in the tables from before."""
    place = np.searchsorted(before.products, gallery.products)
    is_same = np.zeros(len(place), bool)
    within = np.flatnonzero(place < len(before.products))
    is_same[within] = before.products[place[within]] == gallery.products[within]
    is_same[is_same] = before.fingerprints[place[is_same]] == gallery.fingerprints[is_same]
    same = np.append(gallery.products[is_same], NOBODY)
    is_same[is_same] = np.isin(before.others[place[is_same]], same).all(axis=1)
    return is_same, place[is_same]
