"""What follows from the facts. The limits were measured: `tests/search/doctor/test_precision.py`
says what they find in a shop whose faults are known.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.doctor.facts import Qualities
from search.doctor.gallery import Gallery
from search.doctor.models import Kind
from search.doctor.neighbours import NEAREST, NOBODY, Neighbours
from search.doctor.pixels import Layouts, agreement
from search.ranking import Mask, Positions

# What the network and the layout must say of two pictures that are the same. Of 800 real photos
# only two are beyond both, of one skirt, and of the demo's products none.
SAME, AGREES = 0.92, 0.93

MANY = 4  # products of unlike names that share a picture: then it shows none of them
MOST_NAMES = 50  # of a cluster that are compared
ALIKE = 0.25  # of the words of two products' names, the share that both have

BLANK = 5.0  # grey levels of 255; no real photo spreads over fewer than 12
ENOUGH = 20  # pictures, before anything is said of what is normal
UNUSUAL = 3.0  # deviations below what is normal
LEAST_DEVIATION = 0.2  # of logarithms; in a catalog of one style all are equally sharp

SHARE = 0.8  # of the neighbours that are of one other category, while none is of the product's own
FEWEST = 10  # products of a category, before it is a wonder that no neighbour is of it

Link = tuple[int, int, float]  # two pictures of the gallery, and their cosine


class Cluster(NamedTuple):
    """Pictures of different products that are nearly the same."""

    pictures: Positions  # of the gallery, one of each product
    likeness: float  # the cosine of the two that are most alike


class Doubt(NamedTuple):
    """A product whose neighbours are of another category."""

    product: int  # its position in the gallery
    category: int  # id
    share: float  # of the neighbours


class Normal(NamedTuple):
    """The sharpness of a catalog's pictures."""

    usual: float
    limit: float  # of what is blurred


class Fault(NamedTuple):
    """What is wrong with some pictures."""

    kind: Kind
    found: Mask  # (n,), which pictures
    measures: NDArray[np.float32]  # (n,), as `Finding.measure`


def clusters(gallery: Gallery, neighbours: Neighbours, qualities: Qualities) -> Iterator[Cluster]:
    """Pictures of the gallery, with their qualities (m,), that are linked by being the same."""
    links = list(_links(gallery, neighbours, qualities["layout"]))
    labels = _linked(len(gallery.images), links)
    likeness: dict[int, float] = {}
    groups: dict[int, set[int]] = {}
    for one, other, score in links:
        label = int(labels[one])
        groups.setdefault(label, set()).update((one, other))
        likeness[label] = max(score, likeness.get(label, -1.0))
    for label, group in groups.items():
        pictures = np.array(sorted(group), np.intp)
        _, first = np.unique(gallery.owners[pictures], return_index=True)
        yield Cluster(pictures[first], likeness[label])


def doubts(gallery: Gallery, neighbours: Neighbours) -> Iterator[Doubt]:
    """Products none of whose neighbours is of their category, and most of one other."""
    position = _positions(gallery, neighbours.products)
    others = _positions(gallery, neighbours.others)
    own, theirs = gallery.categories[position], gallery.categories[others]
    is_there = (position >= 0) & (others >= 0).all(axis=1)
    is_alone = is_there & (theirs != own[:, np.newaxis]).all(axis=1)
    sizes = dict(zip(*np.unique(gallery.categories, return_counts=True), strict=True))
    for row in np.flatnonzero(is_alone):
        categories, counts = np.unique(theirs[row], return_counts=True)
        share = counts.max() / NEAREST
        if share >= SHARE and sizes[own[row]] >= FEWEST:
            yield Doubt(int(position[row]), int(categories[counts.argmax()]), float(share))


def normal_sharpness(qualities: Qualities) -> Normal:
    """What is normal among these (n,); nothing is blurred where they are too few to say.

    Deviations are those of the median, as B. Iglewicz and D. Hoaglin, "How to Detect and Handle
    Outliers", 1993, have them, of logarithms.
    """
    sharpness = qualities["sharpness"][qualities["spread"] >= BLANK]
    if len(sharpness) < ENOUGH:
        return Normal(1.0, 0.0)
    logarithms = np.log(np.maximum(sharpness, 1e-6))
    usual = np.median(logarithms)
    deviation = max(1.4826 * float(np.median(np.abs(logarithms - usual))), LEAST_DEVIATION)
    return Normal(float(np.exp(usual)), float(np.exp(usual - UNUSUAL * deviation)))


def faults(qualities: Qualities, normal: Normal, input_size: int) -> Iterator[Fault]:
    """Which of the pictures (n,) are blank, tiny or blurred, none of them two at once.

    Those smaller than the network's input are tiny.
    """
    sharpness, is_known = qualities["sharpness"], qualities["side"] > 0
    is_blank = is_known & (qualities["spread"] < BLANK)
    is_tiny = is_known & ~is_blank & (qualities["side"] < input_size)
    is_blurred = is_known & ~is_blank & ~is_tiny & (sharpness < normal.limit)
    yield Fault(Kind.BLANK, is_blank, qualities["spread"])
    yield Fault(Kind.TINY, is_tiny, qualities["side"])
    yield Fault(Kind.BLURRED, is_blurred, (sharpness / normal.usual).astype(np.float32))


def are_unlike(names: Sequence[str]) -> bool:
    """Whether hardly any two of these products' names have a word in common."""
    words = [set(re.findall(r"[^\W\d_]{3,}", name.casefold())) for name in names]
    shares = [len(one & two) / max(1, len(one | two)) for one, two in combinations(words, 2)]
    return sum(shares) < ALIKE * len(shares)


def _links(gallery: Gallery, neighbours: Neighbours, layouts: Layouts) -> Iterator[Link]:
    """Of every two neighbours the pictures that are the same, if any are."""
    row, column = np.nonzero(neighbours.scores >= SAME)
    ends = np.stack([neighbours.products[row], neighbours.others[row, column]])
    ends = np.sort(_positions(gallery, ends), axis=0)
    for one, other in np.unique(ends[:, ends[0] >= 0], axis=1).T:
        mine, theirs = gallery.pictures(one[np.newaxis]), gallery.pictures(other[np.newaxis])
        scores = gallery.vectors(mine) @ gallery.vectors(theirs).T
        for n, m in np.argwhere(scores >= SAME)[np.argsort(-scores[scores >= SAME])]:
            if agreement(layouts[mine[n]], layouts[theirs[m]]) >= AGREES:
                yield int(mine[n]), int(theirs[m]), float(scores[n, m])
                break


def _linked(count: int, links: Sequence[Link]) -> Positions:
    """For each of so many pictures the first one that it is linked with, or itself."""
    labels = np.arange(count)
    ends = np.array([link[:2] for link in links], np.intp).reshape(-1, 2).T
    while (labels[ends[0]] != labels[ends[1]]).any():
        lowest = labels[ends].min(axis=0)
        for end in ends:
            np.minimum.at(labels, end, lowest)
    return labels


def _positions(gallery: Gallery, products: Positions) -> Positions:
    """Where in the gallery products are, -1 for those that are gone; of the same shape."""
    place = np.searchsorted(gallery.products, products)
    found = np.append(gallery.products, NOBODY)[place] == products
    return np.where(found, place, -1)
