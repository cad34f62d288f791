"""What every engine must do, against a plain look at the database."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import transaction

from catalog.models import Category, EmbeddingStatus, Product, ProductPhoto
from search.orders.publishing import publish
from search.ranking import Tuning
from search.service import Answer, Options, match_of, search
from tests.search.engines.conftest import PRODUCTS, Shop, Vectors

EVERYTHING = Options(threshold=-1.0, limit=100)
BEST = 20

Found = list[tuple[int, float]]


def found(answer: Answer) -> Found:
    return [(match.product.pk, pytest.approx(match.score, abs=1e-6)) for match in answer.matches]


def expected(vector: Vectors, options: Options) -> Found:
    """All that must be found, best first."""
    scores: dict[int, float] = {}
    for model, product in ((Product, "pk"), (ProductPhoto, "product_id")):
        rows = model.objects.filter(embedding_status=EmbeddingStatus.READY)
        for pk, data in rows.values_list(product, "embedding"):
            row = np.frombuffer(data, "<f4").astype(np.float64)
            scores[pk] = max(float(row @ vector.astype(np.float64)), scores.get(pk, -1.0))
    products = Product.objects.filter(active=True, pk__in=scores)
    if options.categories:
        products = products.filter(category__name__in=options.categories)
    if options.min_price is not None:
        products = products.filter(price__gte=options.min_price)
    if options.max_price is not None:
        products = products.filter(price__lte=options.max_price)
    good = [(pk, scores[pk]) for pk in products.values_list("pk", flat=True)]
    good = [(pk, score) for pk, score in good if score >= options.threshold]
    return sorted(good, key=lambda pair: (-pair[1], pair[0]))


def test_finds_the_best_of_a_thousand(shop: Shop, engine: str, vectors: Vectors) -> None:
    ids = np.array([product.pk for product in shop.stock(vectors[:PRODUCTS])])
    recalls = []
    assert search(shop.query(vectors[0]), Options(threshold=0.9)).products == PRODUCTS
    for vector in vectors[PRODUCTS:]:
        scores = vectors[:PRODUCTS] @ vector
        best = ids[np.argsort(-scores)[:BEST]]
        answer = search(shop.query(vector), Options(threshold=0.4, limit=BEST))
        recalls.append(np.isin(best, [match.product.pk for match in answer.matches]).mean())
        assert answer.count == pytest.approx(np.count_nonzero(scores >= 0.4), rel=0.01)
    assert np.mean(recalls) >= (1.0 if engine == "numpy" else 0.99)


def test_filter_leaves_its_full_count(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:PRODUCTS])
    for left in (100, 10, 1):
        low, high = Decimal(301), Decimal(300 + left)
        options = replace(EVERYTHING, min_price=low, max_price=high)
        answer = search(shop.query(vectors[-1]), options)
        assert answer.count == left
        assert found(answer) == expected(vectors[-1], options)
        assert (answer.facets.min_price, answer.facets.max_price) == (1, PRODUCTS)


def test_counts_facets_each_without_its_own_filter(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:300])
    options = Options(-1.0, categories=("Category 1", "Category 7"), max_price=Decimal(100))
    answer = search(shop.query(vectors[-1]), options)
    assert answer.count == 20
    assert [(one.name, one.count) for one in answer.facets.categories] == [
        (name, 10) for name in sorted(Category.objects.values_list("name", flat=True))
    ]
    assert (answer.facets.min_price, answer.facets.max_price) == (2, 298)


def test_orders_by_price_among_all_that_match(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:300])
    options = replace(EVERYTHING, ordering="-price", limit=5)
    answer = search(shop.query(vectors[-1]), options)
    assert [match.product.price for match in answer.matches] == [300, 299, 298, 297, 296]


def test_ties_are_in_the_order_of_their_ids(shop: Shop, vectors: Vectors) -> None:
    products = shop.stock(np.repeat(vectors[:10], 4, axis=0))
    answer = search(shop.query(vectors[3]), replace(EVERYTHING, limit=4))
    assert [match.product for match in answer.matches] == products[12:16]
    assert len({match.score for match in answer.matches}) == 1


def test_gives_all_there_is_to_who_asks_for_more(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:30])
    answer = search(shop.query(vectors[-1]), EVERYTHING)
    assert (answer.count, answer.products) == (30, 30)
    assert found(answer) == expected(vectors[-1], EVERYTHING)
    assert not search(shop.query(vectors[-1]), replace(EVERYTHING, page=2)).matches


def test_product_is_found_once_by_its_best_photo(shop: Shop, vectors: Vectors) -> None:
    products = shop.stock(vectors[:30])
    photo = shop.add_photo(products[4], vectors[-1])
    shop.add_photo(products[4], vectors[-2])
    answer = search(shop.query(vectors[-1]), EVERYTHING)
    assert found(answer) == expected(vectors[-1], EVERYTHING)
    assert answer.matches[0].product == products[4]
    assert answer.matches[0].image == photo.image
    assert answer.products == 30


def test_shows_the_nearest_where_none_is_near_enough(shop: Shop, vectors: Vectors) -> None:
    shop.stock(vectors[:300])
    answer = search(shop.query(-vectors[-1]), Options(threshold=0.9))
    assert not answer.matches
    assert [match.product.pk for match in answer.nearest] == [
        pk for pk, _ in expected(-vectors[-1], EVERYTHING)[:12]
    ]


def test_orders_by_the_tuning_in_use(shop: Shop, vectors: Vectors, settings: Any) -> None:
    products = shop.stock(vectors[:60])
    plain = found(search(shop.query(vectors[-1]), EVERYTHING))
    categories = np.unique([product.category_id for product in products])
    weights = np.random.default_rng(0).normal(size=(len(vectors[0]), len(categories)))
    tuning = Tuning(categories, weights.astype(np.float32), np.zeros(10, np.float32), 0.8)
    publish(shop.embedder.identity, tuning)
    tuned = found(search(shop.query(vectors[-1]), EVERYTHING))
    settings.SEARCH_ENGINE = "numpy"
    assert tuned == found(search(shop.query(vectors[-1]), EVERYTHING)) != plain
    assert sorted(pk for pk, _ in tuned) == sorted(pk for pk, _ in plain)


def test_scores_a_product_that_is_asked_for(shop: Shop, vectors: Vectors) -> None:
    products = shop.stock(vectors[:300])
    match = match_of(shop.query(vectors[-1]), products[7].pk)
    assert match is not None
    assert match.score == pytest.approx(float(vectors[7] @ vectors[-1]), abs=1e-6)
    assert match_of(shop.query(vectors[-1]), 10**9) is None


def test_changes_are_right_at_once_and_gone_with_their_transaction(
    shop: Shop, vectors: Vectors
) -> None:
    products = shop.stock(vectors[:30])
    query, before = shop.query(vectors[-1]), expected(vectors[-1], EVERYTHING)
    with transaction.atomic():
        products[0].delete()
        Product.objects.filter(pk=products[1].pk).update(active=False)
        Product.objects.filter(pk=products[2].pk).update(image="another.jpg", **PENDING)
        Product.objects.filter(pk=products[3].pk).update(price=999)
        answer, wanted = search(query, EVERYTHING), expected(vectors[-1], EVERYTHING)
        assert found(answer) == wanted
        assert answer.count == len(wanted) == 27
        assert search(query, replace(EVERYTHING, min_price=Decimal(999))).count == 1
        transaction.set_rollback(True)
    assert found(search(query, EVERYTHING)) == before
    assert not search(query, replace(EVERYTHING, min_price=Decimal(999))).count


def test_damaged_vector_is_left_out(shop: Shop, vectors: Vectors) -> None:
    products = shop.stock(vectors[:30])
    damaged = {"embedding": bytes(4 * len(vectors[0]))}
    Product.objects.filter(pk=products[5].pk).update(**damaged)
    another = Product(sku="new", name="New", category=products[0].category, price=1)
    for column, value in (shop.picture("new.jpg", vectors[5]) | damaged).items():
        setattr(another, column, value)
    Product.objects.bulk_create([another])
    shop.build()
    answer = search(shop.query(vectors[5]), EVERYTHING)
    assert {match.product for match in answer.matches} == {*products} - {products[5]}
    assert answer.count == 29


PENDING = {"embedding_status": EmbeddingStatus.PENDING}
