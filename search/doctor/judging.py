"""What the measurements say about the catalog.

`tests/search/doctor/test_precision.py` shows what the limits find in a shop with known faults.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

import numpy as np
from numpy.typing import NDArray

from catalog.models import Product
from search.doctor.gallery import Gallery
from search.doctor.measuring import AGREES, QUALITY, Layouts, Qualities, agreement
from search.doctor.models import Kind
from search.doctor.neighbours import NEAREST, Neighbours
from search.index.corpus import places_among
from search.ranking import Mask, Positions

SAME = 0.92  # least cosine of two pictures that are the same; their layouts must agree, too

MIN_PLACEHOLDER = 4  # products with unlike names that share a picture
MAX_NAMES = 50  # of a cluster, compared pair by pair
MAX_SHARED_WORDS = 0.25  # mean share of common words up to which names are unlike

BLANK = 5.0  # spread of grey levels; no real photo has less than 12
MIN_MEASURED = 20  # pictures, before any of them is called blurred
UNUSUAL = 3.0  # deviations below the usual sharpness
MIN_DEVIATION = 0.2  # of logarithms; where all pictures are in one style, all are equally sharp

MIN_SHARE = 0.8  # of the neighbours in one other category, with none in the product's own
MIN_CATEGORY = 10  # products of a category, before missing neighbours from it mean anything


@dataclass(frozen=True)
class Evidence:
    """A product's picture that a suspicion is about."""

    product: int
    photo: int | None
    image: str  # its stored name

    @property
    def key(self) -> tuple[int, str]:
        """The product and the stored name of the picture."""
        return self.product, self.image


@dataclass(frozen=True)
class Suspicion:
    """Something that is wrong with pictures, or with a product's category."""

    kind: Kind
    evidence: tuple[Evidence, ...]  # one picture of each product
    measure: float  # as `Finding.measure`
    category: int | None = None  # the one suggested

    @property
    def key(self) -> tuple[str, int | None, frozenset[tuple[int, str]]]:
        """Equal for suspicions that say the same about the same pictures."""
        return self.kind, self.category, frozenset(each.key for each in self.evidence)


def suspicions(
    gallery: Gallery, neighbours: Neighbours, measured: Qualities, *, input_size: int
) -> list[Suspicion]:
    """Everything that is wrong. Pictures smaller than the network's input are tiny."""
    qualities = np.zeros(len(gallery.images), QUALITY)  # of the gallery's pictures; 0 if unknown
    place = places_among(measured["image"], gallery.images)
    qualities[place >= 0] = measured[place[place >= 0]]
    says_nothing = (qualities["side"] > 0) & (qualities["spread"] < BLANK)
    # Kind, pictures (positions in the gallery), measure, suggested category
    cases: list[tuple[Kind, Sequence[int], float, int | None]] = []

    for pictures, likeness in _clusters(gallery, neighbours, qualities["layout"]):
        is_blank = qualities["spread"][pictures] < BLANK
        if len(pictures) >= MIN_PLACEHOLDER and _have_unlike_products(gallery, pictures):
            cases.append((Kind.PLACEHOLDER, pictures.tolist(), len(pictures), None))
            says_nothing[pictures] = True
            qualities["side"][pictures] = 0  # no further fault is reported
        elif not is_blank.any():
            cases.append((Kind.DUPLICATE, pictures.tolist(), likeness, None))

    for kind, is_faulty, measures in faults(qualities, qualities, input_size):
        positions = np.flatnonzero(is_faulty)
        by_image = positions[np.argsort(gallery.images[positions], kind="stable")].tolist()
        for _, shared in groupby(by_image, lambda picture: gallery.images[picture]):
            together = list(shared)
            cases.append((kind, together, float(measures[together[0]]), None))

    for product, other, share in _doubtful(gallery, neighbours):
        own = int(gallery.starts[product])
        if not says_nothing[own]:
            cases.append((Kind.CATEGORY, [own], share, other))

    names = gallery.names(np.unique([each for case in cases for each in case[1]]).astype(np.intp))
    found = []
    for kind, case, value, category in cases:
        if names.keys() >= set(case):  # otherwise a picture has been replaced meanwhile
            evidence: dict[int, Evidence] = {}
            for picture in case:
                pk = int(gallery.products[gallery.owners[picture]])
                photo = int(gallery.photos[picture]) or None
                evidence.setdefault(pk, Evidence(pk, photo, names[picture]))
            found.append(Suspicion(kind, tuple(evidence.values()), value, category))
    return found


def faults(
    qualities: Qualities, among: Qualities, input_size: int
) -> Iterator[tuple[Kind, Mask, NDArray[np.float32]]]:
    """Find blank, tiny and blurred pictures; a picture gets at most one of these kinds.

    Yields the kind, which pictures have it (n,), and what was measured (n,).

    Pictures smaller than the network's input are tiny. Blurred ones are far less sharp than usual
    `among` these; deviations are those from the median (B. Iglewicz and D. Hoaglin, "How to Detect
    and Handle Outliers", 1993), of logarithms.
    """
    usual, limit = 1.0, 0.0
    others = among["sharpness"][among["spread"] >= BLANK]
    if len(others) >= MIN_MEASURED:
        logarithms = np.log(np.maximum(others, 1e-6))
        median = np.median(logarithms)
        deviation = max(1.4826 * float(np.median(np.abs(logarithms - median))), MIN_DEVIATION)
        usual, limit = float(np.exp(median)), float(np.exp(median - UNUSUAL * deviation))
    sharpness, is_known = qualities["sharpness"], qualities["side"] > 0
    is_blank = is_known & (qualities["spread"] < BLANK)
    is_tiny = is_known & ~is_blank & (qualities["side"] < input_size)
    is_blurred = is_known & ~is_blank & ~is_tiny & (sharpness < limit)
    yield Kind.BLANK, is_blank, qualities["spread"]
    yield Kind.TINY, is_tiny, qualities["side"]
    yield Kind.BLURRED, is_blurred, (sharpness / usual).astype(np.float32)


def _clusters(
    gallery: Gallery, neighbours: Neighbours, layouts: Layouts
) -> Iterator[tuple[Positions, float]]:
    """Pictures of different products that are the same, and the greatest cosine of two of them."""
    links = list(_links(gallery, neighbours, layouts))
    # The connected components: each picture gets the lowest number that it is linked with.
    labels = np.arange(len(gallery.images))
    ends = np.array([link[:2] for link in links], np.intp).reshape(-1, 2).T
    while (labels[ends[0]] != labels[ends[1]]).any():
        lowest = labels[ends].min(axis=0)
        for end in ends:
            np.minimum.at(labels, end, lowest)
    likeness: dict[int, float] = {}
    groups: dict[int, set[int]] = {}
    for one, other, score in links:
        label = int(labels[one])
        groups.setdefault(label, set()).update((one, other))
        likeness[label] = max(score, likeness.get(label, -1.0))
    for label, group in groups.items():
        pictures = np.array(sorted(group), np.intp)
        _, first = np.unique(gallery.owners[pictures], return_index=True)
        yield pictures[first], likeness[label]


def _links(
    gallery: Gallery, neighbours: Neighbours, layouts: Layouts
) -> Iterator[tuple[int, int, float]]:
    """For each two neighbours, the two pictures that are the same, if any, and their cosine."""
    row, column = np.nonzero(neighbours.scores >= SAME)
    ends = np.stack([neighbours.products[row], neighbours.others[row, column]])
    ends = np.sort(places_among(gallery.products, ends), axis=0)
    for one, other in np.unique(ends[:, ends[0] >= 0], axis=1).T:
        mine, theirs = gallery.pictures(one[np.newaxis]), gallery.pictures(other[np.newaxis])
        scores = gallery.vectors(mine) @ gallery.vectors(theirs).T
        for n, m in np.argwhere(scores >= SAME)[np.argsort(-scores[scores >= SAME])]:
            if agreement(layouts[mine[n]], layouts[theirs[m]]) >= AGREES:
                yield int(mine[n]), int(theirs[m]), float(scores[n, m])
                break


def _have_unlike_products(gallery: Gallery, pictures: Positions) -> bool:
    """Whether the names of the products with these pictures have hardly a word in common."""
    some = gallery.products[gallery.owners[pictures[:MAX_NAMES]]]
    names = Product.objects.filter(pk__in=some.tolist()).values_list("name", flat=True)
    words = [set(re.findall(r"[^\W\d_]{3,}", name.casefold())) for name in names]
    shares = [len(one & two) / max(1, len(one | two)) for one, two in combinations(words, 2)]
    return sum(shares) < MAX_SHARED_WORDS * len(shares)


def _doubtful(gallery: Gallery, neighbours: Neighbours) -> Iterator[tuple[int, int, float]]:
    """Products without a neighbour in their category and with most in one other.

    Their positions in the gallery, the other category (id), and its share of the neighbours.
    """
    position = places_among(gallery.products, neighbours.products)
    others = places_among(gallery.products, neighbours.others)
    own, theirs = gallery.categories[position], gallery.categories[others]
    is_there = (position >= 0) & (others >= 0).all(axis=1)
    is_alone = is_there & (theirs != own[:, np.newaxis]).all(axis=1)
    sizes = dict(zip(*np.unique(gallery.categories, return_counts=True), strict=True))
    for row in np.flatnonzero(is_alone):
        categories, counts = np.unique(theirs[row], return_counts=True)
        share = counts.max() / NEAREST
        if share >= MIN_SHARE and sizes[own[row]] >= MIN_CATEGORY:
            yield int(position[row]), int(categories[counts.argmax()]), float(share)
