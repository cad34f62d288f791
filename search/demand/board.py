"""The board: what was looked for in vain, grouped, with the closest that the catalog has."""

from dataclasses import dataclass
from datetime import date
from statistics import median

import numpy as np

from catalog.vectors import from_bytes
from search.answers import Match, Options, search
from search.bands import bands_of
from search.demand.groups import Group, groups
from search.demand.models import Searched
from search.queries import Query

MOST_SEARCHES = 4000  # the newest
MOST_WISHES = 30
LEAST_SEARCHES = (
    3  # in a wish that is shown: what one shopper alone looked for is nobody's business
)
CLOSEST = Options(threshold=-1.0, limit=4)


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
    newest = Searched.objects.filter(embedder=identity).order_by("-id")
    scores = newest.values_list("best", flat=True)[:MOST_SEARCHES]
    unmet = [stored for stored in newest[:MOST_SEARCHES] if stored.best < similar]
    vectors = np.array([from_bytes(bytes(stored.vector), dim) for stored in unmet], np.float32)
    found = groups(vectors.reshape(-1, dim), alike=similar, size=LEAST_SEARCHES)
    wishes = [_wish(unmet, group, dim) for group, _ in zip(found, range(MOST_WISHES), strict=False)]
    return Board(len(scores), len(unmet), similar, wishes)


def _wish(unmet: list[Searched], group: Group, dim: int) -> Wish:
    members, middle = [unmet[place] for place in group.members], unmet[group.middle]
    query = Query("", middle.embedder, from_bytes(bytes(middle.vector), dim))
    return Wish(
        searches=len(members),
        best=median(member.best for member in members),
        last=max(member.day for member in members),
        closest=search(query, CLOSEST).matches,
    )
