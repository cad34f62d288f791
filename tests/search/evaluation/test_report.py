"""Evaluations of small catalogs, with the real network."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from catalog.vectors import from_bytes
from search.datasets.changes import CHANGES
from search.datasets.copies import Copies, changed_copies, joined
from search.datasets.examples import examples_of
from search.engines import Corpus, corpus_for, load_engine
from search.evaluation.models import KEPT, Evaluation, keep
from search.evaluation.orders import PLAIN, TUNED, Orders, compared_orders
from search.evaluation.questions import ask_for_kinds, ask_for_products
from search.evaluation.report import Report, Sizes, evaluate
from search.evaluation.tables import Outcome
from search.evaluation.text import as_json
from search.orders.publishing import publish
from search.ranking.measures import average_precision
from search.tuning.learning import learn
from tests.conftest import MakeProduct, Picture

CATEGORIES = ("Mugs", "Cups")
SIZES = Sizes(same_product=4, same_kind=50)


@pytest.fixture
def products(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Twelve products of two categories that look like nothing."""
    return [make_product(category=CATEGORIES[n % 2], image=picture(n)) for n in range(12)]


def corpus_of(embedder: Embedder) -> Corpus:
    return corpus_for(embedder.identity, embedder.dim)


def orders_of(embedder: Embedder) -> Orders:
    return compared_orders(corpus_of(embedder), joined([], embedder.dim))


def asked_for_kinds(products: list[int], orders: Orders, embedder: Embedder) -> list[Outcome]:
    return list(ask_for_kinds(products, orders, corpus_of(embedder), embedder, seed=0))


def copies_of(product: Product, embedder: Embedder, change: str) -> Copies:
    (copies,) = changed_copies([product.pk], embedder)
    return copies.only(copies.changes == change)


def report_of(embedder: Embedder, sizes: Sizes = SIZES) -> Report:
    return evaluate(embedder, sizes, lambda answers, _what, _total: list(answers))


def ids(products: list[Product]) -> list[int]:
    return [product.pk for product in products]


def test_finds_the_products_of_changed_photos(products: list[Product], embedder: Embedder) -> None:
    table = report_of(embedder).same_product[PLAIN]
    assert list(table.groups) == list(CHANGES)
    assert table.groups["half"]["first"].mean == 1
    assert table.groups["half"]["first"].count == 4
    assert 0 <= table.total["first"].mean <= table.total["first_five"].mean <= 1


def test_same_kind_is_what_sorting_all_others_says(
    products: list[Product], embedder: Embedder
) -> None:
    vectors = np.stack([from_bytes(p.embedding or b"", embedder.dim) for p in products])
    labels = np.array([product.category_id for product in products])
    for n, outcome in enumerate(asked_for_kinds(ids(products), orders_of(embedder), embedder)):
        order = [other for other in np.argsort(-(vectors @ vectors[n])) if other != n]
        relevant = labels[order] == labels[n]
        assert outcome.found == [products[other].pk for other in order[:5]]
        assert outcome.values["precision_10"] == relevant[:10].mean()
        assert outcome.values["average_precision"] == average_precision(relevant)
    assert n == 11


def test_product_with_the_same_picture_is_as_good(
    products: list[Product], make_product: MakeProduct, picture: Picture, embedder: Embedder
) -> None:
    twin = make_product(image=picture(3))
    outcome = next(ask_for_products(copies_of(twin, embedder, "half"), orders_of(embedder)))
    assert outcome.values == {"first": 1, "first_five": 1, "reciprocal_rank": 1}


def test_product_that_is_not_found_is_named_with_those_before_it(
    products: list[Product], embedder: Embedder
) -> None:
    copy = copies_of(products[0], embedder, "jpeg")
    other = replace(copy, products=np.array([products[5].pk]))
    outcome = next(ask_for_products(other, orders_of(embedder)))
    assert outcome.values["first"] == 0
    assert 0 < outcome.values["reciprocal_rank"] < 1
    assert outcome.found[0] == products[0].pk


def test_asks_for_the_same_products_each_time(products: list[Product], embedder: Embedder) -> None:
    once, again = (report_of(embedder) for _ in range(2))
    assert replace(once, milliseconds={}) == replace(again, milliseconds={})
    other = report_of(embedder, replace(SIZES, seed=1))
    assert other.same_product != once.same_product


def test_tuned_order_has_learned_nothing_of_what_is_asked(
    products: list[Product], make_product: MakeProduct, picture: Picture, embedder: Embedder
) -> None:
    # The pictures have nothing in common: only memorizing them puts a whole category first.
    for n in range(12, 60):
        make_product(category=CATEGORIES[n % 2], image=picture(n))
    nothing = np.empty((0, embedder.dim), np.float32)
    learned = replace(learn(examples_of(corpus_of(embedder)), nothing), strength=5.0)
    publish(embedder.identity, learned)
    load_engine.cache_clear()
    orders = orders_of(embedder)
    by_heart = Orders(embedder.identity, {TUNED: lambda _: learned})
    asked = list(Product.objects.values_list("pk", flat=True))
    fair, cheating = (
        np.mean([outcome.values["precision_10"] for outcome in found if outcome.order == TUNED])
        for found in (asked_for_kinds(asked, each, embedder) for each in (orders, by_heart))
    )
    assert cheating > 0.95
    assert fair < 0.7
    assert list(report_of(embedder).same_kind) == [PLAIN, TUNED]


def test_tiny_catalog_is_told_what_it_lacks(
    make_product: MakeProduct, picture: Picture, embedder: Embedder
) -> None:
    for n in range(4):
        make_product(category=CATEGORIES[n % 2], image=picture(n))
    report = report_of(embedder)
    assert [str(note) for note in report.notes] == [
        "Same product is not measured: it needs 10 products that can be searched, and there are 4."
    ]
    assert (report.same_product, report.worst_products) == ({}, [])
    assert report.mean("same_product", "first") is None
    assert report.same_kind[PLAIN].total["precision_1"].count == 4


def test_catalog_of_one_category_is_still_asked_for_its_products(
    products: list[Product], embedder: Embedder
) -> None:
    Product.objects.update(category=products[0].category)
    report = report_of(embedder)
    assert len(report.notes) == 1
    assert str(report.notes[0]).startswith("Same kind is not measured")
    assert report.same_kind == {}
    assert report.mean("same_product", "first") is not None


def test_shares_of_the_bands_are_those_of_all_pairs(
    products: list[Product], embedder: Embedder
) -> None:
    report = report_of(embedder)
    assert set(report.bands) == {"same product", "same category", "other category"}
    for shares in report.bands.values():
        assert list(shares) == list(report.limits)
        assert sum(shares.values()) == pytest.approx(1)
    assert report.bands["same product"]["exact"] > report.bands["other category"]["exact"]


def test_command_prints_tables_and_keeps_the_report(
    products: list[Product], capsys: Any, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    call_command("evaluate_search", sample=4, json=str(file), min_recall=0.1, min_map=0.1)
    text = capsys.readouterr().out
    assert text.startswith("12 products, efficientnet_lite0-")
    assert "half (4) 1.000 1.000-1.000" in " ".join(text.split())
    stored = Evaluation.objects.get().report
    assert json.loads(file.read_text()) == stored
    assert stored["sizes"] == {"same_product": 4, "same_kind": 4, "seed": 0}


def test_command_prints_json_alone(products: list[Product], capsys: Any) -> None:
    call_command("evaluate_search", "--sample", "1", "--json")
    assert json.loads(capsys.readouterr().out)["products"] == 12


def test_command_fails_below_what_was_asked_for(products: list[Product]) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("evaluate_search", sample=2, min_recall=0.0, min_precision=1.0)
    assert str(caught.value).startswith("The same-kind precision at 10 is 0.")
    assert str(caught.value).endswith("less than 1.")
    assert Evaluation.objects.count() == 1


def test_command_fails_where_a_wanted_figure_is_missing(
    make_product: MakeProduct, picture: Picture
) -> None:
    make_product(image=picture(1))
    with pytest.raises(
        CommandError, match=r"The recall in first place was not measured, and at least 0\.9"
    ):
        call_command("evaluate_search", min_recall=0.9)


@pytest.mark.parametrize("wrong", ["1.5", "-1", "nan", "much"])
def test_command_refuses_what_is_no_share(wrong: str) -> None:
    with pytest.raises(CommandError, match="is not a number from 0 to 1"):
        call_command("evaluate_search", f"--min-recall={wrong}")


def test_command_refuses_a_seed_that_is_no_number() -> None:
    with pytest.raises(CommandError, match="'-1' is not a whole number"):
        call_command("evaluate_search", "--seed=-1")


def test_command_says_what_an_empty_catalog_lacks(db: None, capsys: Any) -> None:
    call_command("evaluate_search")
    assert capsys.readouterr().out.count("is not measured") == 2


def test_only_the_latest_reports_are_kept(products: list[Product], embedder: Embedder) -> None:
    text = as_json(report_of(embedder))
    for _ in range(KEPT + 2):
        keep(text)
    assert Evaluation.objects.count() == KEPT
