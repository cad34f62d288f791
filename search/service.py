"""The search: takes a query and options, returns an answer, which pages and API present."""

from dataclasses import dataclass, replace
from decimal import Decimal
from math import floor
from operator import attrgetter
from time import perf_counter
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Q
from numpy.typing import NDArray

from catalog.messages import sentence
from catalog.models import Category, Product, ProductPhoto, has_words
from catalog.pictures.stored import StoredPicture
from catalog.values import category_key
from search.bands import Bands, bands_of
from search.engines import Corpus, Scan, Scope, get_engine
from search.index.corpus import AVAILABILITIES, Vector, availability_code, group_key, image_key
from search.metrics import milliseconds
from search.queries.query import Query
from search.ranking import Mask, Positions, Ranking, first_of_each

NEAREST = 12  # products shown if nothing reaches the threshold
UNAVAILABLE = ("out_of_stock",)  # the availabilities that UNAVAILABLE_PRODUCTS is about
MOST_PAIRS = 2**25  # of a value and a group that are marked in a table; more are sorted
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
    min_price: Decimal | None = None  # selling prices
    max_price: Decimal | None = None
    availabilities: tuple[str, ...] = ()  # any of them
    q: str = ""  # words; all of them, as `catalog.models.has_words`
    group_of: int | None = None  # product id; only its group, each product of which is shown
    ordering: str = "-score"  # or "price", "-price"
    collapse: bool = False  # show the best of each group instead of each product

    @property
    def is_plain(self) -> bool:
        """Whether the whole catalog is searched and the best results come first."""
        plain = Options(threshold=0, limit=0)
        return replace(self, threshold=0, limit=0, collapse=plain.collapse) == plain


@dataclass(frozen=True)
class Match:
    """A product, its picture that is most like the query, and the cosine of the two."""

    product: Product
    image: StoredPicture
    score: float
    band: str  # the score in words, in English
    more: int = 0  # further matches of its group, where results are collapsed

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
class AvailabilityCount:
    """An availability and its number of matches."""

    value: str
    count: int


@dataclass(frozen=True)
class Facets:
    """What the matches can be filtered by; each facet ignores its own filter.

    Counts are those of groups where results are collapsed.
    """

    categories: list[CategoryCount]  # by name
    min_price: float | None
    max_price: float | None
    availabilities: list[AvailabilityCount]


@dataclass(frozen=True)
class Answer:
    """One page of matches, and what there is to say about all of them."""

    query: Query
    options: Options
    matches: list[Match]  # in the requested order
    nearest: list[Match]  # the NEAREST best below the threshold, if nothing reaches it
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
    policy = settings.UNAVAILABLE_PRODUCTS
    scope = Scope(
        options.threshold,
        names,
        options.min_price,
        options.max_price,
        options.availabilities,
        hidden=UNAVAILABLE if policy == "hidden" else (),
        products=_products_within(options),
    )
    corpus = _candidates(query.embedder, query.vector, scope)
    groups = corpus.group_numbers if options.collapse and options.group_of is None else None

    eligible = _eligible(corpus, query, scope, collapse=groups is not None)
    is_last = _is_available(corpus, UNAVAILABLE) if policy == "last" else None
    in_category = in_price = is_available = np.ones(len(eligible), bool)
    if options.categories:
        in_category = np.isin(corpus.categories, [category.pk for category in wanted.values()])
    if options.min_price is not None:
        in_price = in_price & (corpus.prices >= float(options.min_price))
    if options.max_price is not None:
        in_price = in_price & (corpus.prices <= float(options.max_price))
    if options.availabilities:
        is_available = _is_available(corpus, options.availabilities)
    mask = eligible & in_category & in_price & is_available

    scan = corpus.scan(query.vector)
    end = min(options.page * options.limit, len(mask))
    ranking = _rank(scan, end, options.threshold, mask, is_last, groups)
    matched = ranking.matched & mask
    page = slice((options.page - 1) * options.limit, options.page * options.limit)
    if options.ordering == "-score":
        items, rows, scores = ranking.items[page], ranking.rows[page], ranking.scores[page]
    else:
        items = np.flatnonzero(matched)
        prices = corpus.prices[items] * (-1 if options.ordering == "-price" else 1)
        order = (corpus.products[items], prices)
        items = items[np.lexsort(order if is_last is None else (*order, is_last[items]))]
        if groups is not None:
            items = items[first_of_each(groups[items])]
        items = items[page]
        scores, rows = corpus.score_items(query.vector, items)
    if groups is None:
        count, more = int(matched.sum()), np.zeros(len(items), np.intp)
    else:
        sizes = np.bincount(groups[matched])
        count, more = int(np.count_nonzero(sizes)), sizes[groups[items]] - 1

    in_facets = ranking.matched & eligible
    facets = _facets(
        corpus,
        groups,
        in_facets & in_price & is_available,
        in_facets & in_category & is_available,
        in_facets & in_category & in_price,
    )
    if asked_for:  # by the names that the catalog has for them, as far as they are visible
        visible = {category_key(each.name): each.name for each in facets.categories}
        names = tuple(visible.get(key, name) for key, name in asked_for.items())
        options = replace(options, categories=names)
    nearest = None if count else _rank(scan, NEAREST, -1.0, mask, is_last, groups)
    return Answer(
        query=query,
        options=options,
        matches=_matches(corpus, items, rows, scores, more),
        nearest=_shown(corpus, nearest) if nearest else [],
        count=count,
        facets=facets,
        products=len(corpus),
        generation=corpus.generation,
        bands=bands_of(corpus.identity),
        rank_ms=milliseconds("rank", started),
    )


def match_of(query: Query, product_id: int) -> Match | None:
    """A product with its picture most like the query, None if it is not searchable."""
    corpus = get_engine().candidates(query.embedder, query.vector, Scope(products=(product_id,)))
    items = np.flatnonzero((corpus.products == product_id) & corpus.live)
    scores, rows = corpus.score_items(query.vector, items)
    return next(iter(_matches(corpus, items, rows, scores, np.zeros_like(items))), None)


def nearest_to(identity: str, vector: Vector, count: int) -> list[Match]:
    """The products nearest to a unit vector (dim,), at any score. Raises NothingToSearch."""
    corpus = _candidates(identity, vector, Scope(threshold=UNREACHABLE))
    return _shown(corpus, corpus.scan(vector).rank(count))


def _candidates(identity: str, vector: Vector, scope: Scope) -> Corpus:
    corpus = get_engine().candidates(identity, vector, scope)
    if not len(corpus):
        raise NothingToSearch(
            sentence(
                "There is nothing to search yet: no product's picture has been read."
                " Run: python manage.py build_embeddings"
            )
        )
    return corpus


def _eligible(corpus: Corpus, query: Query, scope: Scope, *, collapse: bool) -> Mask:
    """True for items that can be found, whatever the filters that have a facet.

    The product that is searched with is left out and, where results are collapsed, its variants.
    """
    eligible: Mask = corpus.products != (query.product or 0)
    if query.product and collapse and (group := _group_of(query.product)[0]):
        eligible &= corpus.groups != group_key(query.product, group, "")
    if scope.products is not None:
        eligible &= np.isin(corpus.products, scope.products)
    if scope.hidden:
        eligible &= ~_is_available(corpus, scope.hidden)
    return eligible


def _products_within(options: Options) -> tuple[int, ...] | None:
    """The ids of the products with these words, in this group; None if neither is given."""
    products = Product.objects.filter(active=True)
    conditions = [has_words(options.q)] if options.q else []
    if options.group_of is not None:
        group, image = _group_of(options.group_of)
        same = Q(group=group, image=image) if image and not group else Q(group=group)
        conditions.append(same if group or image else Q(pk=options.group_of))
    if not conditions:
        return None
    found = products.filter(*conditions).order_by()  # otherwise SQLite reads past the vectors
    return tuple(found.values_list("pk", flat=True))


def _group_of(product: int) -> tuple[str, str]:
    """An active product's group and picture, which say what it is collapsed with; or empty."""
    found = Product.objects.filter(pk=product, active=True).values_list("group", "image").first()
    return found or ("", "")


def _is_available(corpus: Corpus, values: tuple[str, ...]) -> Mask:
    """True for items that have one of these availabilities."""
    return np.isin(corpus.availabilities, [availability_code(value) for value in values])


def _rank(
    scan: Scan, k: int, threshold: float, mask: Mask, is_last: Mask | None, groups: Positions | None
) -> Ranking:
    """The `k` best items within the mask, or the best of each group; `is_last` ones come last."""
    if is_last is None:
        return scan.rank(k, threshold=threshold, mask=mask, groups=groups)
    first = scan.rank(k, threshold=threshold, mask=mask & ~is_last, groups=groups)
    rest = first.matched & mask & is_last
    if len(first.items) == k or not rest.any():
        return first
    if groups is not None:  # those of which no item comes first
        rest &= ~np.isin(groups, groups[first.matched & mask & ~is_last])
    last = scan.rank(k - len(first.items), mask=rest, groups=groups)
    return Ranking(
        np.concatenate([first.items, last.items]),
        np.concatenate([first.rows, last.rows]),
        np.concatenate([first.scores, last.scores]),
        np.concatenate([first.keys, last.keys]),
        first.matched,
    )


def _shown(corpus: Corpus, ranking: Ranking) -> list[Match]:
    none = np.zeros(len(ranking.items), np.intp)
    return _matches(corpus, ranking.items, ranking.rows, ranking.scores, none)


def _matches(
    corpus: Corpus,
    items: Positions,
    rows: Positions,
    scores: NDArray[np.float64],
    more: Positions,
) -> list[Match]:
    """These items as products with their best pictures.

    The database has the last word: what was deleted, hidden or replaced meanwhile is left out.
    """
    visible = Product.objects.filter(active=True).select_related("category")
    products = visible.in_bulk(corpus.products[items].tolist())
    photo_ids, images = corpus.pictures(rows)
    photos = ProductPhoto.objects.in_bulk(photo_ids[photo_ids > 0].tolist())
    columns = (corpus.products[items], photo_ids, images, scores, more)
    found = zip(*(column.tolist() for column in columns), strict=True)
    bands, matches = bands_of(corpus.identity), []
    for product_id, photo_id, image, score, further in found:
        product = products.get(product_id)
        picture = photos.get(photo_id) if photo_id else product
        if product and picture and image_key(str(picture.image.name)) == image:
            matches.append(Match(product, picture.image, score, bands.word(score), further))
    return matches


def _facets(
    corpus: Corpus, groups: Positions | None, by_category: Mask, by_price: Mask, by_stock: Mask
) -> Facets:
    """Categories, prices and availabilities of the items within one mask each."""
    ids, counts = _counted(corpus.categories, by_category, groups)
    names = dict(Category.objects.filter(pk__in=ids.tolist()).values_list("pk", "name"))
    categories = [
        CategoryCount(names[pk], count)
        for pk, count in zip(ids.tolist(), counts.tolist(), strict=True)
        if pk in names
    ]
    prices = corpus.prices[by_price]
    codes, of_codes = _counted(corpus.availabilities, by_stock, groups)
    return Facets(
        sorted(categories, key=attrgetter("name")),
        float(prices.min()) if len(prices) else None,
        float(prices.max()) if len(prices) else None,
        [
            AvailabilityCount(AVAILABILITIES[code], count)
            for code, count in zip(codes.tolist(), of_codes.tolist(), strict=True)
        ],
    )


def _counted(
    values: NDArray[Any], mask: Mask, groups: Positions | None
) -> tuple[NDArray[Any], Positions]:
    """The different values within the mask, and how many items, or groups, have each."""
    values = values[mask]
    if groups is None:
        return np.unique(values, return_counts=True)
    groups, distinct = groups[mask], np.unique(values)
    size = groups.max(initial=0) + 1
    pairs = np.searchsorted(distinct, values) * size + groups
    if len(distinct) * size > MOST_PAIRS:
        return distinct, np.bincount(np.unique(pairs) // size)
    occurs = np.zeros((len(distinct), size), bool)
    occurs.ravel()[pairs] = True
    return distinct, np.count_nonzero(occurs, axis=1)
