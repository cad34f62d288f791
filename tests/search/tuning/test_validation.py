from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from search.datasets.examples import Examples
from search.ranking import Labelled, Matrix, rank
from search.ranking.measures import figure
from search.tuning.learning import learn, scaled
from search.tuning.validation import FOLDS, UNTUNED, folds_of, order_keys, tried
from tests.search.tuning.clouds import catalog, changed


@pytest.fixture(scope="module")
def examples() -> Examples:
    return catalog([60, 40, 20], apart=1.0, photos=2)


def test_finds_more_of_the_same_kind_and_no_less_of_the_same_product(examples: Examples) -> None:
    plain, tuned = tried(examples, changed(examples), [0.2]).measures
    assert (plain.strength, tuned.strength) == (UNTUNED, 0.2)
    assert tuned.precisions.mean() > plain.precisions.mean() + 0.05
    assert tuned.average_precisions.mean() > plain.average_precisions.mean() + 0.05
    assert tuned.firsts.mean() >= plain.firsts.mean() - 0.01 > 0.9


def test_finds_nothing_in_labels_that_are_noise(examples: Examples) -> None:
    noise = np.random.default_rng(0).permutation(examples.labels[examples.starts])
    shuffled = replace(examples, labels=np.repeat(noise, 2))
    plain, *others = tried(shuffled, changed(shuffled), [0.1, 0.4]).measures
    for tuned in others:
        assert figure(tuned.precisions - plain.precisions).low <= 0


def test_photos_of_a_product_are_never_on_both_sides(examples: Examples) -> None:
    copies = changed(examples)
    folds = folds_of(examples, copies)
    for fold in folds:
        assert not set(fold.held.products) & set(fold.rest.products)
        assert len(fold.held.rows) + len(fold.rest.rows) == len(examples.rows)
        assert set(fold.copies.products) == set(fold.held.products)
        learned = learn(fold.rest, copies.only(np.isin(copies.products, fold.rest.products)).shifts)
        assert np.array_equal(fold.learned.weights, learned.weights)
    asked = [pk for fold in folds for pk in set(fold.held.products)]
    assert sorted(asked) == sorted(set(examples.products)), "each is held out once"


def test_folds_have_their_share_of_every_category(examples: Examples) -> None:
    for fold in folds_of(examples, changed(examples)):
        counts = Counter(fold.held.labels[fold.held.starts].tolist())
        assert counts == {1: 60 / FOLDS, 2: 40 / FOLDS, 3: 20 / FOLDS}


def test_order_is_that_of_the_ranking(examples: Examples) -> None:
    copies = changed(examples)
    tuning = scaled(learn(examples, copies.shifts), 2.0)
    queries = copies.vectors[::7]
    plain, tuned = order_keys(tuning, [0.3], queries, examples)
    starts = examples.starts
    labelled = Labelled(replace(tuning, strength=0.3), tuning.labels(examples.labels[starts]))
    matrices = (Matrix(examples.rows, starts), Matrix(examples.rows, starts, labelled=labelled))
    for matrix, keys in zip(matrices, (plain, tuned), strict=True):
        for query, of_query in zip(queries, keys, strict=True):
            found = rank(matrix, query, 10).items
            assert of_query[found] == pytest.approx(np.sort(of_query)[::-1][:10], abs=1e-6)


def test_tie_with_another_product_counts_as_first(examples: Examples) -> None:
    rows = examples.rows.copy()
    rows[2:4] = rows[:2]  # the second product has the pictures of the first one
    twins = replace(examples, rows=rows)
    copies = changed(twins, by=0.001).only(np.arange(240) < 4)
    plain, tuned = tried(twins, copies, [0.2]).measures
    assert plain.firsts.tolist() == tuned.firsts.tolist() == [1.0] * 4
