"""Cross-validation: what an order is worth on products and photos it has not learned from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from search.datasets.copies import Copies
from search.datasets.examples import SEED, Examples
from search.index.segments import Ids
from search.ranking import Mask
from search.ranking.bounds import Vectors
from search.ranking.measures import average_precision, precision
from search.ranking.tuning import Doubles, Labels, Tuning, raised
from search.tuning.calibration import calibrated, logits, temperature
from search.tuning.learning import learn

FOLDS = 5
QUERIES = 1000  # products that are asked for, of all folds together, up to twice as many
TOP = 10
AT_ONCE = 256  # copies that are asked for
PLAIN = 0.0  # stands for the strength of no tuning at all

Keys = Vectors | Doubles


@dataclass(frozen=True)
class Measure:
    """What an order was worth, value by value, so that two orders can be compared in pairs."""

    strength: float
    precisions: Doubles  # (queries,), of the first ten, which are of the product's category
    average_precisions: Doubles  # (queries,)
    firsts: Doubles  # (copies,), 1 where no other product came before the photo's own


@dataclass(frozen=True)
class Trial:
    """What came of trying several strengths."""

    temperature: float  # at which all were tried
    measures: list[Measure]  # of the plain order, and then of each strength


@dataclass(frozen=True)
class Fold:
    """Pictures of products that are asked for, and what all others teach."""

    held: Examples
    rest: Examples
    copies: Copies  # of the held products
    learned: Tuning


def folds_of(examples: Examples, copies: Copies) -> list[Fold]:
    """FOLDS of them; each holds about its share of every category. Raises NotEnoughToLearn."""
    return [_fold(examples, copies, held) for held in _held_out(examples)]


def temperature_of(folds: Sequence[Fold]) -> float:
    """How much too sure is what the folds have learned of what they have not."""
    said, right = zip(*(_answers(fold) for fold in folds), strict=True)
    return temperature(np.concatenate(said), np.concatenate(right))


def tried(examples: Examples, copies: Copies, strengths: Sequence[float]) -> Trial:
    """What the plain order is worth, and tuned ones of these strengths. Raises NotEnoughToLearn."""
    folds = folds_of(examples, copies)
    by = temperature_of(folds)
    kinds = np.concatenate([_same_kind(fold, by, strengths) for fold in folds], axis=2)
    firsts = _same_product(examples, copies, by, strengths)
    orders = zip((PLAIN, *strengths), *kinds.swapaxes(0, 1), firsts, strict=True)
    return Trial(by, [Measure(*order) for order in orders])


def _held_out(examples: Examples) -> Iterator[Mask]:
    """Masks of the examples; a product's pictures are all in one."""
    starts = examples.starts
    shuffled = np.random.default_rng(SEED).permutation(len(starts))
    by_category = shuffled[np.argsort(examples.labels[starts][shuffled], kind="stable")]
    fold = np.empty(len(starts), np.intp)
    fold[by_category] = np.arange(len(starts)) % FOLDS
    of_row = np.repeat(fold, np.diff(starts, append=len(examples.products)))
    for number in range(FOLDS):
        yield of_row == number


def _fold(examples: Examples, copies: Copies, which: Mask) -> Fold:
    held, rest = examples.only(which), examples.only(~which)
    is_held = np.isin(copies.products, held.products)
    return Fold(held, rest, copies.only(is_held), learn(rest, copies.only(~is_held).shifts))


def _answers(fold: Fold) -> tuple[Doubles, Labels]:
    """What was learned says of the held pictures and their copies, and what is right."""
    own = np.searchsorted(fold.held.products, fold.copies.products)
    labels = fold.learned.labels(np.append(fold.held.labels, fold.held.labels[own]))
    is_known = labels < len(fold.learned.categories)
    vectors = np.concatenate([fold.held.rows, fold.copies.vectors])[is_known]
    return logits(fold.learned, vectors), labels[is_known]


def _same_kind(fold: Fold, by: float, strengths: Sequence[float]) -> Doubles:
    """(1 + strengths, 2, queries): precision and average precision, each strength's after plain."""
    starts = fold.held.starts
    asked = starts[np.isin(fold.held.labels[starts], fold.rest.labels)]
    asked = asked[:: max(1, FOLDS * len(asked) // QUERIES)]
    keys = _keys(calibrated(fold.learned, by), strengths, fold.held.rows[asked], fold.rest)
    return np.array([_precisions(of, fold.held.labels[asked], fold.rest) for of in keys])


def _precisions(keys: Keys, labels: Ids, rest: Examples) -> list[list[float]]:
    order = np.argsort(-keys, axis=1, kind="stable")
    relevant = rest.labels[rest.starts][order] == labels[:, np.newaxis]
    return [
        [precision(ranking, TOP) for ranking in relevant],
        [average_precision(ranking) for ranking in relevant],
    ]


def _same_product(
    examples: Examples, copies: Copies, by: float, strengths: Sequence[float]
) -> Doubles:
    """(1 + strengths, copies); what one half of the photos teaches is tried on the other."""
    firsts = np.empty((1 + len(strengths), len(copies.products)))
    is_odd = np.searchsorted(np.unique(copies.products), copies.products) % 2 == 1
    for half in (is_odd, ~is_odd):
        tuning = calibrated(learn(examples, copies.only(~half).shifts), by)
        for start in range(0, half.sum(), AT_ONCE):
            some = np.flatnonzero(half)[start : start + AT_ONCE]
            own = np.searchsorted(examples.products[examples.starts], copies.products[some])
            for number, keys in enumerate(_keys(tuning, strengths, copies.vectors[some], examples)):
                firsts[number, some] = keys[np.arange(len(some)), own] >= keys.max(axis=1)
    return firsts


def _keys(
    tuning: Tuning, strengths: Sequence[float], queries: Vectors, examples: Examples
) -> Iterator[Keys]:
    """What orders the examples' products (queries, products): cosines, then keys by strength."""
    cosines = np.maximum.reduceat(queries @ examples.rows.T, examples.starts, axis=1)
    yield cosines
    bonuses = np.stack([tuning.bonuses(query) for query in queries])
    of_products = bonuses[:, tuning.labels(examples.labels[examples.starts])]
    heights = raised(cosines)
    for strength in strengths:
        yield heights + strength * of_products
