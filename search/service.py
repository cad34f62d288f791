"""The one search: a query and its options in, an answer out. Pages and API only dress it."""

from dataclasses import dataclass, replace
from decimal import Decimal
from math import floor
from operator import attrgetter
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from catalog.models import Category, Product, ProductPhoto
from catalog.pictures.fields import StoredPicture
from search.bands import Bands, bands_of
from search.engines import Corpus, Scan, Scope, get_engine
from search.index.segments import Vector, image_key
from search.metrics import milliseconds
from search.queries.query import Query
from search.ranking import Mask, Positions, Ranking

NEAREST = 4  # shown where nothing reaches the threshold
UNREACHABLE = 2.0  # a threshold above every score


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

    @property
    def is_plain(self) -> bool:
        """Whether the best of the whole catalog are asked for."""
        return replace(self, threshold=0, limit=0) == Options(threshold=0, limit=0)


@dataclass(frozen=True)
class Match:
    """A product that was found, its picture most like the query, and their cosine."""

    product: Product
    image: StoredPicture
    score: float
    band: str  # the score in words, in English

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
    bands: Bands
    rank_ms: float


@dataclass(frozen=True)
class _Filters:
    """The options as masks over the items of a corpus."""

    others: Mask  # not the product that the query is about
    category: Mask
    price: Mask


def search(query: Query, options: Options) -> Answer:
    """The products most like the query. Raises NothingToSearch."""
    started = perf_counter()
    corpus = _candidates(query.embedder, query.vector, _scope(options))
    filters = _filters(corpus, query, options)
    mask = filters.others & filters.category & filters.price
    wanted = min(options.page * options.limit, len(mask))
    scan = corpus.scan(query.vector)
    ranking = scan.rank(wanted, threshold=options.threshold, mask=mask)
    count = int((ranking.matched & mask).sum())
    return Answer(
        query=query,
        options=options,
        matches=_page(corpus, query, options, ranking, mask),
        nearest=[] if count else _nearest(corpus, scan, mask),
        count=count,
        facets=_facets(corpus, ranking.matched & filters.others, filters),
        products=len(corpus),
        generation=corpus.generation,
        bands=bands_of(corpus.identity),
        rank_ms=milliseconds("rank", started),
    )


def match_of(query: Query, product_id: int) -> Match | None:
    """A product with its picture most like the query, None if it can't be found."""
    corpus = get_engine().candidates(query.embedder, query.vector, Scope(product=product_id))
    items = np.flatnonzero((corpus.products == product_id) & corpus.live)
    scores, rows = corpus.score_items(query.vector, items)
    return next(iter(_matches(corpus, items, rows, scores)), None)


def nearest_to(identity: str, vector: Vector) -> list[Match]:
    """The products closest to a unit vector (dim,), however distant. Raises NothingToSearch."""
    corpus = _candidates(identity, vector, Scope(threshold=UNREACHABLE))
    return _nearest(corpus, corpus.scan(vector), corpus.live)


def _candidates(identity: str, vector: Vector, scope: Scope) -> Corpus:
    corpus = get_engine().candidates(identity, vector, scope)
    if not len(corpus):
        raise NothingToSearch(
            "There is nothing to search yet: no product's picture has been read. "
            "Run: python manage.py build_embeddings"
        )
    return corpus


def _scope(options: Options) -> Scope:
    return Scope(options.threshold, options.categories, options.min_price, options.max_price)


def _filters(corpus: Corpus, query: Query, options: Options) -> _Filters:
    everything = np.ones(len(corpus.products), bool)
    category, price = everything, everything
    if options.categories:
        wanted = Category.objects.filter(name__in=options.categories).values_list("pk", flat=True)
        category = np.isin(corpus.categories, list(wanted))
    if options.min_price is not None:
        price = price & (corpus.prices >= float(options.min_price))
    if options.max_price is not None:
        price = price & (corpus.prices <= float(options.max_price))
    return _Filters(corpus.products != (query.product or 0), category, price)


def _page(
    corpus: Corpus, query: Query, options: Options, ranking: Ranking, mask: Mask
) -> list[Match]:
    page = slice((options.page - 1) * options.limit, options.page * options.limit)
    if options.ordering == "-score":
        return _matches(corpus, ranking.items[page], ranking.rows[page], ranking.scores[page])
    matched = np.flatnonzero(ranking.matched & mask)
    sign = -1 if options.ordering.startswith("-") else 1
    order = np.lexsort((corpus.products[matched], sign * corpus.prices[matched]))
    items = matched[order][page]
    scores, rows = corpus.score_items(query.vector, items)
    return _matches(corpus, items, rows, scores)


def _nearest(corpus: Corpus, scan: Scan, mask: Mask) -> list[Match]:
    ranking = scan.rank(NEAREST, mask=mask)
    return _matches(corpus, ranking.items, ranking.rows, ranking.scores)


def _matches(
    corpus: Corpus, items: Positions, rows: Positions, scores: NDArray[np.float64]
) -> list[Match]:
    """These products with their best pictures.

    The last look at the database drops what was deleted, hidden or replaced since it was read.
    """
    visible = Product.objects.filter(active=True).select_related("category")
    products = visible.in_bulk(corpus.products[items].tolist())
    photo_ids, images = corpus.pictures(rows)
    photos = ProductPhoto.objects.in_bulk(photo_ids[photo_ids > 0].tolist())
    columns = (corpus.products[items], photo_ids, images, scores)
    found = zip(*(column.tolist() for column in columns), strict=True)
    bands, matches = bands_of(corpus.identity), []
    for product_id, photo_id, image, score in found:
        product = products.get(product_id)
        picture = photos.get(photo_id) if photo_id else product
        if product and picture and image_key(str(picture.image.name)) == image:
            matches.append(Match(product, picture.image, score, bands.word(score)))
    return matches


def _facets(corpus: Corpus, matched: Mask, filters: _Filters) -> Facets:
    ids, counts = np.unique(corpus.categories[matched & filters.price], return_counts=True)
    names = dict(Category.objects.filter(pk__in=ids.tolist()).values_list("pk", "name"))
    categories = [
        CategoryCount(names[pk], count)
        for pk, count in zip(ids.tolist(), counts.tolist(), strict=True)
        if pk in names
    ]
    prices = corpus.prices[matched & filters.category].tolist()
    return Facets(
        sorted(categories, key=attrgetter("name")),
        min(prices, default=None),
        max(prices, default=None),
    )
