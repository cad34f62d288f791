"""The board: searches that found nothing similar, grouped, with the closest products there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from statistics import median

import numpy as np
from numpy.typing import NDArray

from catalog.vectors import from_bytes
from search.bands import bands_of
from search.demand.models import Searched
from search.service import Match, nearest_to

MAX_SEARCHES = 4000  # the newest are grouped
MAX_WISHES = 30
CLOSEST = 4  # products shown for a wish
# A wish of fewer photos or fewer shoppers is not shown: what one shopper searched for is private.
MIN_SEARCHES = 3


@dataclass(frozen=True)
class Group:
    """Positions of vectors that are alike."""

    centre: int
    members: NDArray[np.intp]  # ascending, the centre among them


@dataclass(frozen=True)
class Wish:
    """Searches that are alike and found nothing similar."""

    searches: int  # by different shoppers, with different photos
    best: float  # median, over the searches, of the score of the best product
    last: date
    closest: list[Match]  # to the search in the centre


@dataclass(frozen=True)
class Board:
    """What the newest searches by photos have found."""

    searches: int
    unmet: int  # found nothing similar
    similar: float  # the lowest score that counts as similar
    wishes: list[Wish]  # the most wanted first

    @property
    def met_percent(self) -> int:
        """The share of searches that found something similar, in percent."""
        return round(100 * (1 - self.unmet / self.searches)) if self.searches else 0


def board(identity: str, dim: int) -> Board:
    """The board of an embedder's searches. Raises NothingToSearch."""
    similar = bands_of(identity).similar
    newest = Searched.objects.filter(embedder=identity).order_by("-id")[:MAX_SEARCHES]
    unmet = [stored for stored in newest if stored.best < similar]
    vectors = np.array([from_bytes(bytes(stored.vector), dim) for stored in unmet], np.float32)
    found = groups(vectors.reshape(-1, dim), alike=similar, min_size=MIN_SEARCHES)
    shared = [group for group in found if _searches(unmet, group) >= MIN_SEARCHES]
    shared.sort(key=lambda group: _searches(unmet, group), reverse=True)
    wishes = [_wish(unmet, group, dim) for group in shared[:MAX_WISHES]]
    return Board(len(newest), len(unmet), similar, wishes)


def _searches(unmet: list[Searched], group: Group) -> int:
    """The number of photos or of shoppers in a group, whichever is lower."""
    members = [unmet[place] for place in group.members]
    photos = {(member.day, member.photo) for member in members}
    clients = {(member.day, member.client) for member in members}
    return min(len(photos), len(clients))


def _wish(unmet: list[Searched], group: Group, dim: int) -> Wish:
    members, centre = [unmet[place] for place in group.members], unmet[group.centre]
    return Wish(
        searches=_searches(unmet, group),
        best=median(member.best for member in members),
        last=max(member.day for member in members),
        closest=nearest_to(centre.embedder, from_bytes(bytes(centre.vector), dim), CLOSEST),
    )


def groups(vectors: NDArray[np.float32], *, alike: float, min_size: int) -> Iterator[Group]:
    """Unit rows (n, dim) in groups, the largest first, as long as a group has `min_size` members.

    Star clustering (Aslam, Pelekhov and Rus, 2004): the vector with the most neighbours becomes the
    centre of a group, which is set aside with it; the rest is grouped the same way. Every member
    has at least the cosine `alike` with its centre, which clustering by chains of likeness does not
    guarantee. Needs 5 * n * n bytes at first, then n * n.
    """
    likeness = vectors @ vectors.T >= alike
    counts = likeness.sum(axis=1)  # of neighbours that are in no group yet
    free = np.ones(len(vectors), bool)
    while free.any():
        centre = int(np.argmax(np.where(free, counts, 0)))
        members = np.flatnonzero(likeness[centre] & free)
        if len(members) < min_size:
            return
        yield Group(centre, members)
        free[members] = False
        counts -= likeness[:, members].sum(axis=1)
