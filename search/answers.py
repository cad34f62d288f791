"""The one search: a query and its options in, an answer out. Pages and API only dress it."""

from dataclasses import dataclass
from decimal import Decimal
from math import floor
from operator import attrgetter
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from catalog.models import Category, Product, ProductPhoto
from catalog.pictures import StoredPicture
from search.index import live_index
from search.queries import Query, milliseconds_since
from search.ranking import Mask, Positions, Ranking, rank, score_items
from search.snapshots import Snapshot, image_key

NEAREST = 4  # shown where nothing reaches the threshold


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
    """A product that was found, its picture most like the query, and their cosine."""

    product: Product
    image: StoredPicture
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
    """The options as masks over a snapshot's products."""

    others: Mask  # not the product that the query is about
    category: Mask
    price: Mask


def search(query: Query, options: Options) -> Answer:
    """The products most like the query. Raises NothingToSearch."""
    started = perf_counter()
    snapshot = live_index(query.embedder, len(query.vector)).snapshot()
    if not len(snapshot.products):
        raise NothingToSearch(
            "There is nothing to search yet: no product's picture has been read. "
            "Run: python manage.py build_embeddings"
        )
    filters = _filters(snapshot, query, options)
    mask = filters.others & filters.category & filters.price
    wanted = min(options.page * options.limit, len(mask))
    ranking = rank(snapshot.matrix, query.vector, wanted, threshold=options.threshold, mask=mask)
    count = int((ranking.matched & mask).sum())
    return Answer(
        query=query,
        options=options,
        matches=_page(snapshot, query, options, ranking, mask),
        nearest=[] if count else _nearest(snapshot, query, mask),
        count=count,
        facets=_facets(snapshot, ranking.matched & filters.others, filters),
        products=len(snapshot.products),
        generation=snapshot.generation,
        rank_ms=milliseconds_since(started),
    )


def _filters(snapshot: Snapshot, query: Query, options: Options) -> _Filters:
    everything = np.ones(len(snapshot.products), bool)
    category, price = everything, everything
    if options.categories:
        wanted = Category.objects.filter(name__in=options.categories).values_list("pk", flat=True)
        category = np.isin(snapshot.categories, list(wanted))
    if options.min_price is not None:
        price = price & (snapshot.prices >= float(options.min_price))
    if options.max_price is not None:
        price = price & (snapshot.prices <= float(options.max_price))
    return _Filters(snapshot.products != (query.product or 0), category, price)


def _page(
    snapshot: Snapshot, query: Query, options: Options, ranking: Ranking, mask: Mask
) -> list[Match]:
    page = slice((options.page - 1) * options.limit, options.page * options.limit)
    if options.ordering == "-score":
        return _matches(snapshot, ranking.items[page], ranking.rows[page], ranking.scores[page])
    matched = np.flatnonzero(ranking.matched & mask)
    sign = -1 if options.ordering.startswith("-") else 1
    items = matched[np.argsort(sign * snapshot.prices[matched], kind="stable")][page]
    scores, rows = score_items(snapshot.matrix, query.vector, items)
    return _matches(snapshot, items, rows, scores)


def _nearest(snapshot: Snapshot, query: Query, mask: Mask) -> list[Match]:
    ranking = rank(snapshot.matrix, query.vector, NEAREST, mask=mask)
    return _matches(snapshot, ranking.items, ranking.rows, ranking.scores)


def _matches(
    snapshot: Snapshot, items: Positions, rows: Positions, scores: NDArray[np.float64]
) -> list[Match]:
    """These products with their best pictures.

    The last look at the database drops what was deleted, hidden or replaced since the snapshot.
    """
    visible = Product.objects.filter(active=True).select_related("category")
    products = visible.in_bulk(snapshot.products[items].tolist())
    photos = ProductPhoto.objects.in_bulk(snapshot.photos[rows][snapshot.photos[rows] > 0].tolist())
    found = zip(
        snapshot.products[items].tolist(),
        snapshot.photos[rows].tolist(),
        snapshot.images[rows].tolist(),
        scores.tolist(),
        strict=True,
    )
    matches = []
    for product_id, photo_id, image, score in found:
        product = products.get(product_id)
        picture = photos.get(photo_id) if photo_id else product
        if product and picture and image_key(str(picture.image.name)) == image:
            matches.append(Match(product, picture.image, score))
    return matches


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
