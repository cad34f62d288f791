"""Are the products around a product of its kind, by the shop's own categories?"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from search.engines import Corpus
from search.evaluation.outcomes import Orders, Outcome
from search.queries.query import NotSearchable, Query, UnknownQuery, query_by_product
from search.ranking.measures import average_precision, precision

PLACES = (1, 5, 10)
SHOWN = 5  # of the first products
PAIRS = 20  # of each kind, which stand for all that a query is in
RELATED, UNRELATED = "same category", "other category"  # the kinds of pair


def ask_for_kinds(
    products: Sequence[int], orders: Orders, embedder: Embedder, *, seed: int
) -> Iterator[Outcome]:
    """An outcome for each product (id) as a query that is held out itself, and order.

    Products that have gone meanwhile are left out.
    """
    for product in Product.objects.select_related("category").in_bulk(products).values():
        try:
            query = query_by_product(product.pk, embedder)
        except (UnknownQuery, NotSearchable):
            continue
        for order, corpus_of in orders.items():
            yield _outcome(order, product, query, corpus_of(product.pk), seed)


def _outcome(order: str, product: Product, query: Query, corpus: Corpus, seed: int) -> Outcome:
    others = corpus.products != product.pk
    ranking = corpus.rank(query.vector, len(others), mask=others)
    relevant = corpus.categories[ranking.items] == product.category_id
    values = {f"precision_{k}": precision(relevant, k) for k in PLACES}
    values["average_precision"] = average_precision(relevant)
    found = corpus.products[ranking.items[:SHOWN]].tolist()
    random = np.random.default_rng((seed, product.pk))
    pairs = ((RELATED, ranking.scores[relevant]), (UNRELATED, ranking.scores[~relevant]))
    scores = {kind: _some(of_kind, random) for kind, of_kind in pairs}
    return Outcome(order, product.pk, product.category.name, values, found, scores)


def _some(scores: NDArray[np.float64], random: np.random.Generator) -> list[float]:
    some: list[float] = random.permutation(scores)[:PAIRS].tolist()
    return some
