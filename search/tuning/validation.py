"""Cross-validation: measures orders on products and photos that they have not learned from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from search.datasets.copies import Copies
from search.datasets.examples import SEED, Examples
from search.ranking.bounds import Vectors
from search.ranking.measures import average_precision, precision
from search.ranking.tuning import Doubles, Tuning, raised
from search.tuning.learning import learn, logits, scaled, temperature

FOLDS = 5
QUERIES = 1000  # products asked for in all folds together; at most twice as many
TOP = 10
BATCH_COPIES = 256  # queries that are compared with all products at a time
UNTUNED = 0.0  # the strength that stands for the order by score

Keys = Vectors | Doubles


@dataclass(frozen=True)
class Measure:
    """The quality of one order, query by query, so that orders can be compared in pairs."""

    strength: float
    precisions: Doubles  # (queries,), share of the first ten in the product's category
    average_precisions: Doubles  # (queries,)
    firsts: Doubles  # (copies,), 1 where no other product came before the photo's own


@dataclass(frozen=True)
class Trial:
    """The result of trying several strengths."""

    temperature: float  # the same for all of them
    measures: list[Measure]  # of the plain order, then of each strength


@dataclass(frozen=True)
class Fold:
    """Products held out as queries, and a tuning learned from all others."""

    held: Examples
    rest: Examples
    copies: Copies  # of the held products
    learned: Tuning


def folds_of(examples: Examples, copies: Copies) -> list[Fold]:
    """FOLDS parts of the catalog with even shares of every category. Raises NotEnoughToLearn.

    All pictures of a product are in the same fold.
    """
    starts = examples.starts
    shuffled = np.random.default_rng(SEED).permutation(len(starts))
    by_category = shuffled[np.argsort(examples.labels[starts][shuffled], kind="stable")]
    fold = np.empty(len(starts), np.intp)
    fold[by_category] = np.arange(len(starts)) % FOLDS
    of_row = np.repeat(fold, np.diff(starts, append=len(examples.products)))
    folds = []
    for number in range(FOLDS):
        held, rest = examples.only(of_row == number), examples.only(of_row != number)
        is_held = np.isin(copies.products, held.products)
        learned = learn(rest, copies.only(~is_held).shifts)
        folds.append(Fold(held, rest, copies.only(is_held), learned))
    return folds


def temperature_of(folds: Sequence[Fold]) -> float:
    """The temperature that fits what the folds' tunings say about pictures and copies held out."""
    values, labels = [], []
    for fold in folds:
        own = np.searchsorted(fold.held.products, fold.copies.products)
        true = fold.learned.labels(np.append(fold.held.labels, fold.held.labels[own]))
        is_known = true < len(fold.learned.categories)
        vectors = np.concatenate([fold.held.rows, fold.copies.vectors])[is_known]
        values.append(logits(fold.learned, vectors))
        labels.append(true[is_known])
    return temperature(np.concatenate(values), np.concatenate(labels))


def tried(examples: Examples, copies: Copies, strengths: Sequence[float]) -> Trial:
    """Measures of the plain order and of these strengths. Raises NotEnoughToLearn."""
    folds = folds_of(examples, copies)
    divisor = temperature_of(folds)
    kinds = np.concatenate([_same_kind(fold, divisor, strengths) for fold in folds], axis=2)
    firsts = _same_product(examples, copies, divisor, strengths)
    orders = zip((UNTUNED, *strengths), *kinds.swapaxes(0, 1), firsts, strict=True)
    return Trial(divisor, [Measure(*order) for order in orders])


def _same_kind(fold: Fold, divisor: float, strengths: Sequence[float]) -> Doubles:
    """(1 + strengths, 2, queries): precision and average precision, the plain order first."""
    starts = fold.held.starts
    queries = starts[np.isin(fold.held.labels[starts], fold.rest.labels)]
    queries = queries[:: max(1, FOLDS * len(queries) // QUERIES)]
    labels = fold.held.labels[queries, np.newaxis]
    values = []
    for keys in order_keys(
        scaled(fold.learned, divisor), strengths, fold.held.rows[queries], fold.rest
    ):
        order = np.argsort(-keys, axis=1, kind="stable")
        relevant = fold.rest.labels[fold.rest.starts][order] == labels
        values.append(
            (
                [precision(ranking, TOP) for ranking in relevant],
                [average_precision(ranking) for ranking in relevant],
            )
        )
    return np.array(values)


def _same_product(
    examples: Examples, copies: Copies, divisor: float, strengths: Sequence[float]
) -> Doubles:
    """(1 + strengths, copies); each half of the photos is tried on what the other half taught."""
    firsts = np.empty((1 + len(strengths), len(copies.products)))
    products = examples.products[examples.starts]
    is_odd = np.searchsorted(np.unique(copies.products), copies.products) % 2 == 1
    for half in (is_odd, ~is_odd):
        tuning = scaled(learn(examples, copies.only(~half).shifts), divisor)
        for start in range(0, half.sum(), BATCH_COPIES):
            some = np.flatnonzero(half)[start : start + BATCH_COPIES]
            own = np.searchsorted(products, copies.products[some])
            of_orders = order_keys(tuning, strengths, copies.vectors[some], examples)
            for number, keys in enumerate(of_orders):
                firsts[number, some] = keys[np.arange(len(some)), own] >= keys.max(axis=1)
    return firsts


def order_keys(
    tuning: Tuning, strengths: Sequence[float], queries: Vectors, examples: Examples
) -> Iterator[Keys]:
    """Sort keys (queries, products) of the examples: cosines, then the keys by each strength."""
    cosines = np.maximum.reduceat(queries @ examples.rows.T, examples.starts, axis=1)
    yield cosines
    bonuses = np.stack([tuning.bonuses(query) for query in queries])
    of_products = bonuses[:, tuning.labels(examples.labels[examples.starts])]
    heights = raised(cosines)
    for strength in strengths:
        yield heights + strength * of_products
