"""What an evaluation asks for, in each order, and what comes of each question.

Same product: does a shopper's photo of a product find that product? Same kind: are the products
nearest to a product of its category? Every question goes to the engine that serves shoppers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from catalog.embedders.runtime import Embedder
from catalog.messages import Sentence, sentence
from catalog.models import Product
from search.datasets.copies import Copies
from search.datasets.examples import sample_of
from search.engines import Corpus, Scope, get_engine
from search.evaluation.orders import Orders
from search.evaluation.tables import Outcome
from search.index.corpus import Ids, image_key
from search.queries.query import NotSearchable, UnknownQuery, query_by_product
from search.ranking.measures import average_precision, precision, reciprocal_rank

MIN_PRODUCTS = 10  # with fewer, the first five would be half the catalog
MIN_CATEGORIES = 2
RANKED = 100  # places that are looked at for a product; beyond them it counts as not found
SHOWN_BEFORE = 3  # of the products that came before it
PRECISIONS = (1, 5, 10)  # the places at which the precision is measured
SHOWN_SIMILAR = 5  # of the products found as the same kind
PAIRS = 20  # of each kind, sampled from all that a product is part of

# The kinds of pair whose scores are collected
SAME_PRODUCT, SAME_CATEGORY, OTHER_CATEGORY = "same product", "same category", "other category"


@dataclass(frozen=True)
class Sample:
    """Ids of products, rising, or what the catalog lacks."""

    products: list[int]
    lack: Sentence | None = None


def pictured_products(corpus: Corpus, count: int, *, seed: int) -> Sample:
    """Up to `count` products whose own picture can be found, the same ones for the same seed."""
    ids = _pictured(corpus)
    if len(ids) >= MIN_PRODUCTS:
        return Sample(sample_of(ids, count, seed=seed))
    return Sample(
        [],
        sentence(
            "Same product is not measured: it needs %(least)s products that can be searched, and "
            "there are %(found)s.",
            least=MIN_PRODUCTS,
            found=len(ids),
        ),
    )


def categorized_products(corpus: Corpus, count: int, *, seed: int) -> Sample:
    """The same among products that are not alone in their category."""
    categories, sizes = np.unique(corpus.categories[corpus.live], return_counts=True)
    shared = categories[sizes > 1]
    if len(shared) >= MIN_CATEGORIES:
        in_shared = corpus.products[corpus.live & np.isin(corpus.categories, shared)]
        ids = np.intersect1d(_pictured(corpus), in_shared)
        return Sample(sample_of(ids, count, seed=seed))
    return Sample(
        [],
        sentence(
            "Same kind is not measured: it needs %(least)s categories with two products or more "
            "that can be searched, and there are %(found)s.",
            least=MIN_CATEGORIES,
            found=len(shared),
        ),
    )


def ask_for_products(copies: Copies, orders: Orders) -> Iterator[Outcome]:
    """An outcome for each copy and order."""
    products = Product.objects.in_bulk(np.unique(copies.products).tolist())
    asked = zip(copies.products.tolist(), copies.changes.tolist(), copies.vectors, strict=True)
    for pk, change, vector in asked:
        key = image_key(str(products[pk].image.name))
        own = get_engine().candidates(orders.identity, vector, Scope(products=(pk,)))
        scores, _ = own.score_items(vector, np.flatnonzero(own.live & (own.products == pk)))
        for order, corpus in orders.corpora(pk, vector).items():
            ranking = corpus.rank(vector, RANKED)
            ids, images = corpus.products[ranking.items], corpus.pictures(ranking.rows)[1]
            is_it = (ids == pk) | (images == key)  # another product with the same picture is fine
            values = {
                "first": float(is_it[:1].any()),
                "first_five": float(is_it[:5].any()),
                "reciprocal_rank": reciprocal_rank(is_it),
            }
            before = ids[~np.logical_or.accumulate(is_it)][:SHOWN_BEFORE].tolist()
            yield Outcome(order, pk, change, values, before, {SAME_PRODUCT: scores.tolist()})


def ask_for_kinds(
    products: Sequence[int], orders: Orders, corpus: Corpus, embedder: Embedder, *, seed: int
) -> Iterator[Outcome]:
    """An outcome for each product (id) and order; the product itself is not among its answers.

    Products that have been removed meanwhile are left out.
    """
    for product in Product.objects.select_related("category").in_bulk(products).values():
        try:
            vector = query_by_product(product.pk, embedder).vector
        except (UnknownQuery, NotSearchable):
            continue
        is_other = corpus.live & (corpus.products != product.pk)
        is_related = corpus.categories == product.category_id
        random = np.random.default_rng((seed, product.pk))
        scores = {}
        for kind, is_pair in ((SAME_CATEGORY, is_related), (OTHER_CATEGORY, ~is_related)):
            pairs = random.permutation(np.flatnonzero(is_other & is_pair))[:PAIRS]
            scores[kind] = corpus.score_items(vector, pairs)[0].tolist()
        total = int((is_other & is_related).sum())
        for order, candidates in orders.corpora(product.pk, vector).items():
            mask = candidates.products != product.pk
            ranking = candidates.rank(vector, len(mask), mask=mask)
            relevant = candidates.categories[ranking.items] == product.category_id
            values = {f"precision_{k}": precision(relevant, k) for k in PRECISIONS}
            # Products that the engine does not consider count as not found.
            found = int(relevant.sum())
            values["average_precision"] = average_precision(relevant) * found / max(total, found, 1)
            shown = candidates.products[ranking.items[:SHOWN_SIMILAR]].tolist()
            yield Outcome(order, product.pk, product.category.name, values, shown, scores)


def _pictured(corpus: Corpus) -> Ids:
    """Ids of products whose own picture has a vector, rising."""
    pictured = Product.objects.filter(active=True).exclude(image="").searchable(corpus.identity)
    ids = pictured.values_list("pk", flat=True)
    return np.intersect1d(corpus.products[corpus.live], np.fromiter(ids, np.int64))
