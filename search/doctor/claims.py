"""What the doctor says of the catalog as it is, by all facts."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from catalog.models import Product
from search.doctor.facts import QUALITY, Facts, Qualities
from search.doctor.gallery import Gallery
from search.doctor.judging import (
    BLANK,
    MANY,
    MOST_NAMES,
    Cluster,
    are_unlike,
    clusters,
    doubts,
    faults,
    normal_sharpness,
)
from search.doctor.models import Kind

Key = tuple[int, str]  # a product's id, and the stored name of its picture


@dataclass(frozen=True)
class Shown:
    """A picture that a claim is about."""

    product: int
    photo: int | None
    image: str  # its stored name

    @property
    def key(self) -> Key:
        return self.product, self.image


@dataclass(frozen=True)
class Claim:
    """What a finding is made of."""

    kind: Kind
    shown: tuple[Shown, ...]
    measure: float
    category: int | None = None

    @property
    def key(self) -> tuple[str, int | None, frozenset[Key]]:
        """Equal keys say the same of the same pictures."""
        return self.kind, self.category, frozenset(shown.key for shown in self.shown)


@dataclass(frozen=True)
class _Case:
    """A claim before its pictures have names."""

    kind: Kind
    pictures: tuple[int, ...]  # of the gallery
    measure: float
    category: int | None = None


def claims(gallery: Gallery, facts: Facts, *, input_size: int) -> list[Claim]:
    """All that is to be said. Pictures smaller than the network's input are tiny."""
    cases = list(_cases(gallery, facts, input_size))
    pictures = {picture for case in cases for picture in case.pictures}
    names = gallery.names(np.array(sorted(pictures), np.intp))
    found = (_named(gallery, case, names) for case in cases)
    return [claim for claim in found if claim]


def _cases(gallery: Gallery, facts: Facts, input_size: int) -> Iterator[_Case]:
    qualities = _of_pictures(gallery, facts.qualities)
    says_nothing = (qualities["side"] > 0) & (qualities["spread"] < BLANK)
    shared = list(_shared(gallery, facts, qualities))
    yield from shared
    for case in shared:
        if case.kind == Kind.PLACEHOLDER:
            says_nothing[list(case.pictures)] = True
            qualities["side"][list(case.pictures)] = 0
    yield from _poor(gallery, qualities, input_size)
    for doubt in doubts(gallery, facts.neighbours):
        own = int(gallery.starts[doubt.product])
        if not says_nothing[own]:
            yield _Case(Kind.CATEGORY, (own,), doubt.share, doubt.category)


def _of_pictures(gallery: Gallery, known: Qualities) -> Qualities:
    """The quality of each of the gallery's pictures, zeros where it is not known."""
    qualities = np.zeros(len(gallery.images), QUALITY)
    place = np.searchsorted(known["image"], gallery.images)
    is_known = np.append(known["image"], 0)[place] == gallery.images
    qualities[is_known] = known[place[is_known]]
    return qualities


def _shared(gallery: Gallery, facts: Facts, qualities: Qualities) -> Iterator[_Case]:
    """Pictures that several products have."""
    for cluster in clusters(gallery, facts.neighbours, qualities):
        pictures = tuple(cluster.pictures.tolist())
        if len(pictures) >= MANY and _shows_none_of_them(gallery, cluster):
            yield _Case(Kind.PLACEHOLDER, pictures, len(pictures))
        elif (qualities["spread"][cluster.pictures] >= BLANK).all():
            yield _Case(Kind.DUPLICATE, pictures, cluster.likeness)


def _shows_none_of_them(gallery: Gallery, cluster: Cluster) -> bool:
    some = gallery.products[gallery.owners[cluster.pictures[:MOST_NAMES]]]
    products = Product.objects.filter(pk__in=some.tolist())
    return are_unlike(list(products.values_list("name", flat=True)))


def _poor(gallery: Gallery, qualities: Qualities, input_size: int) -> Iterator[_Case]:
    """Pictures to be replaced; one that several products have is a case of all of them."""
    for kind, found, measures in faults(qualities, normal_sharpness(qualities), input_size):
        positions = np.flatnonzero(found)
        by_image = positions[np.argsort(gallery.images[positions], kind="stable")]
        for _, pictures in groupby(by_image.tolist(), lambda picture: gallery.images[picture]):
            together = tuple(pictures)
            yield _Case(kind, together, float(measures[together[0]]))


def _named(gallery: Gallery, case: _Case, names: dict[int, str]) -> Claim | None:
    """The claim, each product in it once; None where a picture was replaced meanwhile."""
    if not names.keys() >= set(case.pictures):
        return None
    shown: dict[int, Shown] = {}
    for picture in case.pictures:
        product = int(gallery.products[gallery.owners[picture]])
        photo = int(gallery.photos[picture]) or None
        shown.setdefault(product, Shown(product, photo, names[picture]))
    return Claim(case.kind, tuple(shown.values()), case.measure, case.category)
