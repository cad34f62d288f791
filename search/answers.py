"""The one search: a query and its options in, an answer out. Pages and API only dress it."""

from dataclasses import dataclass
from decimal import Decimal
from math import floor
from operator import attrgetter
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from catalog.models import Category, Product
from search.index import Snapshot, live_index
from search.queries import Query, milliseconds_since
from search.ranking import Ranking, exact_scores, rank

NEAREST = 4  # shown where nothing reaches the threshold

Mask = NDArray[np.bool_]  # (n,)


class NothingToSearch(Exception):
    """No product has a vector of the query's embedder; the message names the command."""


@dataclass(frozen=True)
class Options:
    """What a shopper can ask for beside the picture."""

    threshold: float = 0.70
    limit: int = 12
    page: int = 1
    categories: tuple[str, ...] = ()  # names; any of them
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    ordering: str = "-score"  # or "price", "-price"


@dataclass(frozen=True)
class Match:
    """A product that was found, and its cosine to the query."""

    product: Product
    score: float

    @property
    def percent(self) -> int:
        """The score as people read it; 100 only for the very same picture."""
        return floor(100 * self.score + 1e-4)


@dataclass(frozen=True)
class CategoryCount:
    """How many of the matches a category has."""

    name: str
    count: int


@dataclass(frozen=True)
class Facets:
    """What could be chosen among the matches; each facet leaves its own filter aside."""

    categories: list[CategoryCount]  # by name
    min_price: float | None
    max_price: float | None


@dataclass(frozen=True)
class Answer:
    """What was found: one page of matches, and facts on all of them."""

    query: Query
    options: Options
    matches: list[Match]  # in the wanted order
    nearest: list[Match]  # the closest below the threshold, where nothing reaches it
    count: int  # of the matches on all pages
    facets: Facets
    products: int  # how many were searched
    generation: int
    rank_ms: float


@dataclass(frozen=True)
class _Filters:
    """The options as masks over a snapshot's rows."""

    others: Mask  # not the product that the query is about
    category: Mask
    price: Mask


def search(query: Query, options: Options) -> Answer:
    """The products most like the query. Raises NothingToSearch."""
    started = perf_counter()
    snapshot = live_index(query.embedder, len(query.vector)).snapshot()
    if not len(snapshot.ids):
        raise NothingToSearch(
            "There is nothing to search yet: no product's picture has been read. "
            "Run: python manage.py build_embeddings"
        )
    filters = _filters(snapshot, query, options)
    mask = filters.others & filters.category & filters.price
    ranking = rank(
        snapshot.rows,
        query.vector,
        options.page * options.limit,
        threshold=options.threshold,
        mask=mask,
    )
    positions, scores = _page(snapshot, query, options, ranking, mask)
    count = int((ranking.matched & mask).sum())
    return Answer(
        query=query,
        options=options,
        matches=_matches(snapshot, positions, scores),
        nearest=[] if count else _nearest(snapshot, query, mask),
        count=count,
        facets=_facets(snapshot, ranking.matched & filters.others, filters),
        products=len(snapshot.ids),
        generation=snapshot.generation,
        rank_ms=milliseconds_since(started),
    )


def _filters(snapshot: Snapshot, query: Query, options: Options) -> _Filters:
    everything = np.ones(len(snapshot.ids), bool)
    category, price = everything, everything
    if options.categories:
        wanted = Category.objects.filter(name__in=options.categories).values_list("pk", flat=True)
        category = np.isin(snapshot.categories, list(wanted))
    if options.min_price is not None:
        price = price & (snapshot.prices >= float(options.min_price))
    if options.max_price is not None:
        price = price & (snapshot.prices <= float(options.max_price))
    return _Filters(snapshot.ids != (query.product or 0), category, price)


def _page(
    snapshot: Snapshot, query: Query, options: Options, ranking: Ranking, mask: Mask
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    page = slice((options.page - 1) * options.limit, options.page * options.limit)
    if options.ordering == "-score":
        return ranking.positions[page], ranking.scores[page]
    matched = np.flatnonzero(ranking.matched & mask)
    sign = -1 if options.ordering.startswith("-") else 1
    positions = matched[np.argsort(sign * snapshot.prices[matched], kind="stable")][page]
    return positions, exact_scores(snapshot.rows, query.vector, positions)


def _nearest(snapshot: Snapshot, query: Query, mask: Mask) -> list[Match]:
    ranking = rank(snapshot.rows, query.vector, NEAREST, mask=mask)
    return _matches(snapshot, ranking.positions, ranking.scores)


def _matches(
    snapshot: Snapshot, positions: NDArray[np.intp], scores: NDArray[np.float64]
) -> list[Match]:
    """The products at these positions; the last look at the database drops what has gone."""
    ids = snapshot.ids[positions].tolist()
    visible = Product.objects.filter(active=True).searchable(snapshot.identity)
    products = visible.select_related("category").in_bulk(ids)
    return [
        Match(products[pk], score)
        for pk, score in zip(ids, scores.tolist(), strict=True)
        if pk in products
    ]


def _facets(snapshot: Snapshot, matched: Mask, filters: _Filters) -> Facets:
    ids, counts = np.unique(snapshot.categories[matched & filters.price], return_counts=True)
    names = dict(Category.objects.filter(pk__in=ids.tolist()).values_list("pk", "name"))
    categories = [
        CategoryCount(names[pk], count)
        for pk, count in zip(ids.tolist(), counts.tolist(), strict=True)
        if pk in names
    ]
    prices = snapshot.prices[matched & filters.category].tolist()
    return Facets(
        sorted(categories, key=attrgetter("name")),
        min(prices, default=None),
        max(prices, default=None),
    )
