"""Variants, availability and words, in every engine, compared with a plain look at the products."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product as combinations
from typing import Any

import numpy as np
import pytest

from catalog.models import Product
from search.api.serializers import MAX_LIMIT
from search.service import Answer, Options, search
from tests.search.engines.conftest import BY_GRAPH, ENGINES, Shop
from tests.search.vectors import units

EVERYTHING = Options(threshold=-1.0, limit=25)
SOLD_OUT = "out_of_stock"


@dataclass(frozen=True)
class Catalog:
    """Products with the score of each."""

    products: Sequence[Product]
    scores: np.ndarray  # (products,)

    def group(self, product: Product) -> object:
        return product.group or (product.image.name, "") if product.image else product.pk

    def passing(self, options: Options, policy: str) -> list[tuple[Product, float]]:
        """The products within the filters and their scores, in the order that was asked for."""
        passing = [
            (product, float(score))
            for product, score in zip(self.products, self.scores, strict=True)
            if score >= options.threshold
            and (not options.categories or product.category.name in options.categories)
            and (options.min_price is None or product.selling_price >= options.min_price)
            and (options.max_price is None or product.selling_price <= options.max_price)
            and (not options.availabilities or product.availability in options.availabilities)
            and (policy != "hidden" or product.availability != SOLD_OUT)
            and all(word in f"{product.name} {product.sku}".lower() for word in options.q.split())
        ]
        sign = {"price": 1, "-price": -1}.get(options.ordering)

        def order(found: tuple[Product, float]) -> tuple[Any, ...]:
            product, score = found
            first = sign * product.selling_price if sign else -score
            return policy == "last" and product.availability == SOLD_OUT, first, product.pk

        return sorted(passing, key=order)

    def results(self, options: Options, policy: str) -> list[tuple[int, int]]:
        """The ids of all results in order, and how many more each has in its group."""
        passing = [product for product, _ in self.passing(options, policy)]
        if not options.collapse:
            return [(product.pk, 0) for product in passing]
        sizes = Counter(map(self.group, passing))
        first: dict[object, int] = {}
        for product in passing:
            first.setdefault(self.group(product), product.pk)
        return [(pk, sizes[group] - 1) for group, pk in first.items()]

    def counts(self, options: Options, policy: str, name: str) -> dict[str, int]:
        """The numbers of a facet: products or groups by category or availability."""
        others = replace(options, **{name: ()})  # without the facet's own filter
        pairs = [
            (
                product.category.name if name == "categories" else product.availability,
                self.group(product) if options.collapse else product.pk,
            )
            for product, _ in self.passing(others, policy)
        ]
        return dict(Counter(value for value, _ in set(pairs)))


def stock(shop: Shop, groups: Sequence[int], same_picture: int = 0) -> np.ndarray:
    """As many products as `groups` has numbers, 0 for none, and some with one picture.

    Their vectors are returned; those of a group are similar.
    """
    random = np.random.default_rng(len(groups))
    middles = random.normal(size=(max(groups) + 1, shop.embedder.dim))
    rows = middles[list(groups)] + random.normal(scale=0.7, size=(len(groups), shop.embedder.dim))
    rows[np.equal(groups, 0)] = random.normal(size=(list(groups).count(0), shop.embedder.dim))
    same = np.repeat(middles[1:2] + middles[2:3], same_picture, axis=0)
    vectors = units(np.concatenate([rows, same]))
    products = shop.stock(vectors)
    for product, group in zip(products, groups, strict=False):
        product.group = f"G{group}" if group else ""
        product.availability = ("in_stock", SOLD_OUT, "preorder")[product.pk * 7 % 11 % 3]
        product.sale_price = product.price / 2 if product.pk % 5 == 0 else None
    for product in products[len(groups) :]:
        product.image = "same.jpg"
    fields = ["group", "availability", "sale_price", "image"]
    Product.objects.bulk_update(products, fields, batch_size=500)
    shop.build()
    return vectors


def catalog(vectors: np.ndarray, query: np.ndarray) -> Catalog:
    products = list(Product.objects.select_related("category").order_by("pk"))
    scores = (vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    return Catalog(products, scores)


def shown(answer: Answer) -> list[tuple[int, int]]:
    return [(match.product.pk, match.more) for match in answer.matches]


@pytest.mark.parametrize("engine", [one for one in ENGINES if one != BY_GRAPH], indirect=True)
def test_three_thousand_variants_are_six_hundred_results(shop: Shop, engine: str) -> None:
    vectors = stock(shop, [n % 600 + 1 for n in range(3000)], same_picture=30)
    query = units(vectors[[0]] + vectors[[3000]])[0]
    limit = 6 if engine == "numpy" else MAX_LIMIT
    options = Options(threshold=-1.0, limit=limit, collapse=True)
    expected = catalog(vectors, query).results(options, "normal")
    assert len(expected) == 601
    found: list[tuple[int, int]] = []
    for page in range(1, 601 // limit + 2):
        answer = search(shop.query(query), replace(options, page=page))
        assert answer.count == 601
        found += shown(answer)
    assert found == expected
    first = search(shop.query(query), replace(options, limit=12)).matches
    pictures = {match.product.group or match.image.name for match in first}
    assert len(pictures) == 12
    assert [match.more for match in first if match.product.group == ""] == [29]


@pytest.mark.parametrize("policy", ["normal", "last", "hidden"])
def test_agrees_with_a_plain_look(shop: Shop, settings: Any, policy: str) -> None:
    settings.UNAVAILABLE_PRODUCTS = policy
    vectors = stock(shop, [n * n % 17 for n in range(75)], same_picture=5)
    query = units(vectors[[3]] + 0.5 * vectors[[76]])[0]
    plain = catalog(vectors, query)
    level = float(np.sort(plain.scores)[-40])
    filters = (
        {},
        {"threshold": level},
        {"availabilities": ("preorder", SOLD_OUT), "max_price": Decimal(60)},
        {"categories": ("Category 1", "Category 4"), "availabilities": ("in_stock",)},
        {"q": "product 3"},
    )
    orderings = ("-score", "price", "-price")
    for changes, ordering, collapse in combinations(filters, orderings, (True, False)):
        options = replace(EVERYTHING, ordering=ordering, collapse=collapse, **changes)
        expected, found = plain.results(options, policy), []
        for page in range(1, len(expected) // options.limit + 2):
            answer = search(shop.query(query), replace(options, page=page))
            assert answer.count == len(expected)
            found += shown(answer)
        assert found == expected
        facets = answer.facets
        assert {one.name: one.count for one in facets.categories} == plain.counts(
            options, policy, "categories"
        )
        assert {one.value: one.count for one in facets.availabilities} == plain.counts(
            options, policy, "availabilities"
        )


def test_nearest_are_different_groups_and_the_unavailable_come_last(
    shop: Shop, settings: Any
) -> None:
    settings.UNAVAILABLE_PRODUCTS = "last"
    vectors = stock(shop, [n % 6 + 1 for n in range(60)])
    plain = catalog(vectors, vectors[0])
    options = Options(threshold=1.0, collapse=True)
    nearest = search(shop.query(-vectors[0]), options).nearest
    wanted = replace(plain, scores=-plain.scores)
    expected = wanted.results(replace(options, threshold=-1.0), "last")[:12]
    assert [match.product.pk for match in nearest] == [pk for pk, _ in expected]


def test_look_alikes_leave_out_variants_unless_they_are_listed(shop: Shop) -> None:
    vectors = stock(shop, [1, 1, 1, 2, 2, 3, 0, 0], same_picture=3)
    products = list(Product.objects.order_by("pk"))
    query = replace(shop.query(vectors[0]), product=products[0].pk)
    collapsed = search(query, replace(EVERYTHING, collapse=True))
    assert {match.product.group for match in collapsed.matches} == {"G2", "G3", ""}
    assert collapsed.count == 5
    assert search(query, EVERYTHING).count == 10
    variants = search(query, replace(EVERYTHING, collapse=True, group_of=products[0].pk))
    assert {match.product for match in variants.matches} == {*products[1:3]}
    same = search(query, replace(EVERYTHING, group_of=products[8].pk, collapse=True))
    assert {match.product for match in same.matches} == {*products[8:]}
    assert {match.more for match in same.matches} == {0}
    alone = search(query, replace(EVERYTHING, group_of=products[6].pk))
    assert [match.product for match in alone.matches] == [products[6]]
    assert search(query, replace(EVERYTHING, group_of=10**6)).count == 0


def test_words_leave_their_full_count(shop: Shop) -> None:
    vectors = stock(shop, [n % 90 for n in range(900)])
    Product.objects.filter(sku__endswith="7", price__lte=90).update(brand="Café_Rosé")
    query = shop.query(-vectors[7])  # the one that looks least like them
    for words, count in (("CAFE", 9), ("rosé product 7", 9), ("afé_r", 9), ("c_fé", 0), ("%", 0)):
        answer = search(query, Options(threshold=-1.0, q=words))
        assert (answer.count, len(answer.matches)) == (count, min(count, 12))
    assert {match.product.brand for match in search(query, Options(-1.0, q="cafe")).matches} == {
        "Café_Rosé"
    }
