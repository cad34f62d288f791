"""The board: what was looked for in vain, grouped, with the closest that the catalog has."""

from dataclasses import dataclass
from datetime import date
from itertools import islice
from statistics import median

import numpy as np

from catalog.vectors import from_bytes
from search.bands import bands_of
from search.demand.groups import Group, groups
from search.demand.models import Searched
from search.queries.query import Query
from search.service import Match, Options, search

MOST_SEARCHES = 4000  # the newest
MOST_WISHES = 30
# In a wish that is shown: what one shopper alone looked for is nobody's business.
LEAST_SEARCHES = 3
CLOSEST = Options(threshold=2.0)  # no score reaches it: the nearest are shown, and none counted


@dataclass(frozen=True)
class Wish:
    """Searches that are alike and found nothing similar."""

    searches: int
    best: float  # median of what each found: the cosine of the product most like it
    last: date
    closest: list[Match]  # to the search in the middle


@dataclass(frozen=True)
class Board:
    """What the newest searches by photos have found."""

    searches: int
    unmet: int  # found nothing similar
    similar: float  # the cosine from which on a product is similar
    wishes: list[Wish]  # the most wanted first

    @property
    def met_percent(self) -> int:
        """How many of a hundred searches found something similar."""
        return round(100 * (1 - self.unmet / self.searches)) if self.searches else 0


def board(identity: str, dim: int) -> Board:
    """The board of an embedder's searches. Raises NothingToSearch."""
    similar = bands_of(identity).similar
    newest = Searched.objects.filter(embedder=identity).order_by("-id")[:MOST_SEARCHES]
    unmet = [stored for stored in newest if stored.best < similar]
    vectors = np.array([from_bytes(bytes(stored.vector), dim) for stored in unmet], np.float32)
    found = groups(vectors.reshape(-1, dim), alike=similar, size=LEAST_SEARCHES)
    wishes = [_wish(unmet, group, dim) for group in islice(found, MOST_WISHES)]
    return Board(len(newest), len(unmet), similar, wishes)


def _wish(unmet: list[Searched], group: Group, dim: int) -> Wish:
    members, middle = [unmet[place] for place in group.members], unmet[group.middle]
    query = Query("", middle.embedder, from_bytes(bytes(middle.vector), dim))
    return Wish(
        searches=len(members),
        best=median(member.best for member in members),
        last=max(member.day for member in members),
        closest=search(query, CLOSEST).nearest,
    )
