"""The search: takes a query and options, returns an answer, which pages and API present."""

from dataclasses import dataclass, replace
from decimal import Decimal
from math import floor
from operator import attrgetter
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from catalog.models import Category, Product, ProductPhoto
from catalog.pictures.stored import StoredPicture
from catalog.values import category_key
from search.bands import Bands, bands_of
from search.engines import Corpus, Scan, Scope, get_engine
from search.index.corpus import Vector, image_key
from search.metrics import milliseconds
from search.queries.query import Query
from search.ranking import Mask, Positions

NEAREST = 4  # products shown if nothing reaches the threshold
UNREACHABLE = 2.0  # a threshold above every score


class NothingToSearch(Exception):
    """No product has a vector of the query's embedder; the message names the command."""


@dataclass(frozen=True)
class Options:
    """The options of a search, beside the picture."""

    threshold: float = 0.70
    limit: int = 12
    page: int = 1
    categories: tuple[str, ...] = ()  # names; any of them
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    ordering: str = "-score"  # or "price", "-price"

    @property
    def is_plain(self) -> bool:
        """Whether the whole catalog is searched and the best results come first."""
        return replace(self, threshold=0, limit=0) == Options(threshold=0, limit=0)


@dataclass(frozen=True)
class Match:
    """A product, its picture that is most like the query, and the cosine of the two."""

    product: Product
    image: StoredPicture
    score: float
    band: str  # the score in words, in English

    @property
    def percent(self) -> int:
        """The score in percent, rounded down: 100 only for the very same picture."""
        return floor(100 * self.score + 1e-4)


@dataclass(frozen=True)
class CategoryCount:
    """A category and its number of matches."""

    name: str
    count: int


@dataclass(frozen=True)
class Facets:
    """What the matches can be filtered by; each facet ignores its own filter."""

    categories: list[CategoryCount]  # by name
    min_price: float | None
    max_price: float | None


@dataclass(frozen=True)
class Answer:
    """One page of matches, and what there is to say about all of them."""

    query: Query
    options: Options
    matches: list[Match]  # in the requested order
    nearest: list[Match]  # the best below the threshold, if nothing reaches it
    count: int  # of the matches on all pages
    facets: Facets
    products: int  # in the index
    generation: int
    bands: Bands
    rank_ms: float


def search(query: Query, options: Options) -> Answer:
    """The products most like the query. Raises NothingToSearch.

    Categories match however their names are written; in the answer's options, those that were found
    have the names of the catalog.
    """
    started = perf_counter()
    asked_for = {category_key(name): name for name in options.categories}
    wanted = Category.objects.in_bulk(list(asked_for), field_name="key")
    names = tuple(wanted[key].name if key in wanted else asked_for[key] for key in asked_for)
    scope = Scope(options.threshold, names, options.min_price, options.max_price)
    corpus = _candidates(query.embedder, query.vector, scope)

    others = corpus.products != (query.product or 0)  # without the product that is searched with
    in_category = in_price = np.ones(len(corpus.products), bool)
    if options.categories:
        in_category = np.isin(corpus.categories, [category.pk for category in wanted.values()])
    if options.min_price is not None:
        in_price = in_price & (corpus.prices >= float(options.min_price))
    if options.max_price is not None:
        in_price = in_price & (corpus.prices <= float(options.max_price))
    mask = others & in_category & in_price

    scan = corpus.scan(query.vector)
    end = min(options.page * options.limit, len(mask))
    ranking = scan.rank(end, threshold=options.threshold, mask=mask)
    matched = ranking.matched & mask
    count = int(matched.sum())
    page = slice((options.page - 1) * options.limit, options.page * options.limit)
    if options.ordering == "-score":
        items, rows, scores = ranking.items[page], ranking.rows[page], ranking.scores[page]
    else:
        items = np.flatnonzero(matched)
        prices = corpus.prices[items] * (-1 if options.ordering == "-price" else 1)
        items = items[np.lexsort((corpus.products[items], prices))][page]
        scores, rows = corpus.score_items(query.vector, items)

    in_facets = ranking.matched & others
    facets = _facets(corpus, in_facets & in_price, in_facets & in_category)
    if asked_for:  # by the names that the catalog has for them, as far as they are visible
        visible = {category_key(each.name): each.name for each in facets.categories}
        names = tuple(visible.get(key, name) for key, name in asked_for.items())
        options = replace(options, categories=names)
    return Answer(
        query=query,
        options=options,
        matches=_matches(corpus, items, rows, scores),
        nearest=[] if count else _nearest(corpus, scan, mask),
        count=count,
        facets=facets,
        products=len(corpus),
        generation=corpus.generation,
        bands=bands_of(corpus.identity),
        rank_ms=milliseconds("rank", started),
    )


def match_of(query: Query, product_id: int) -> Match | None:
    """A product with its picture most like the query, None if it is not searchable."""
    corpus = get_engine().candidates(query.embedder, query.vector, Scope(product=product_id))
    items = np.flatnonzero((corpus.products == product_id) & corpus.live)
    scores, rows = corpus.score_items(query.vector, items)
    return next(iter(_matches(corpus, items, rows, scores)), None)


def nearest_to(identity: str, vector: Vector) -> list[Match]:
    """The products nearest to a unit vector (dim,), at any score. Raises NothingToSearch."""
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


def _nearest(corpus: Corpus, scan: Scan, mask: Mask) -> list[Match]:
    ranking = scan.rank(NEAREST, mask=mask)
    return _matches(corpus, ranking.items, ranking.rows, ranking.scores)


def _matches(
    corpus: Corpus, items: Positions, rows: Positions, scores: NDArray[np.float64]
) -> list[Match]:
    """These items as products with their best pictures.

    The database has the last word: what was deleted, hidden or replaced meanwhile is left out.
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


def _facets(corpus: Corpus, in_price: Mask, in_category: Mask) -> Facets:
    """Categories of the matches within the price, and prices of those within the category."""
    ids, counts = np.unique(corpus.categories[in_price], return_counts=True)
    names = dict(Category.objects.filter(pk__in=ids.tolist()).values_list("pk", "name"))
    categories = [
        CategoryCount(names[pk], count)
        for pk, count in zip(ids.tolist(), counts.tolist(), strict=True)
        if pk in names
    ]
    prices = corpus.prices[in_category].tolist()
    return Facets(
        sorted(categories, key=attrgetter("name")),
        min(prices, default=None),
        max(prices, default=None),
    )
