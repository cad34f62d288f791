"""What came of the questions that an evaluation asks, and the tables made of that."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeVar

import numpy as np

from search.engines import Corpus
from search.ranking.measures import Figure, figure

Key = TypeVar("Key", str, int)
Values = dict[str, float]  # by measure, each from 0 to 1
Figures = dict[str, Figure]  # by measure
# Ways to order the catalog, by name: the corpus that answers for a product, which may have been
# kept from what that corpus learned from.
Orders = Mapping[str, Callable[[int], Corpus]]


@dataclass(frozen=True)
class Outcome:
    """What came of one question, asked in one order."""

    order: str
    product: int  # id of the product that was asked for
    group: str  # the change of its photo, or its category
    values: Values
    found: list[int]  # ids of the first products, best first
    scores: dict[str, list[float]] = field(default_factory=dict)  # cosines, by kind of pair


@dataclass(frozen=True)
class Table:
    """The figures of one order: of all products, and of each group."""

    total: Figures
    groups: dict[str, Figures]


@dataclass(frozen=True)
class Worst:
    """A product that the search does badly on."""

    product: int
    value: float  # from 0 to 1, the mean of its outcomes
    groups: list[str]  # where another came first
    found: list[int]  # ids of products that came before it, or in its place


def tables(outcomes: Iterable[Outcome], seed: int) -> dict[str, Table]:
    """A table for each order, in the order of the outcomes."""
    orders = _grouped(outcomes, attrgetter("order"))
    return {order: _table(of_order, seed) for order, of_order in orders.items()}


def worst(outcomes: Iterable[Outcome], measure: str, most: int) -> list[Worst]:
    """The products with the lowest means of a measure, the very worst first; no faultless one."""
    products = _grouped(outcomes, attrgetter("product")).values()
    faulty = [bad for of_product in products if (bad := _worst(of_product, measure)).value < 1]
    return sorted(faulty, key=attrgetter("value", "product"))[:most]


def _table(outcomes: Sequence[Outcome], seed: int) -> Table:
    groups = _grouped(outcomes, attrgetter("group")).items()
    return Table(_figures(outcomes, seed), {name: _figures(group, seed) for name, group in groups})


def _figures(outcomes: Sequence[Outcome], seed: int) -> Figures:
    """The means over products: several outcomes of one are no independent witnesses."""
    products = _grouped(outcomes, attrgetter("product")).values()
    return {
        measure: figure(np.array([_mean(product, measure) for product in products]), seed=seed)
        for measure in outcomes[0].values
    }


def _worst(outcomes: Sequence[Outcome], measure: str) -> Worst:
    product = outcomes[0].product
    missed = [outcome for outcome in outcomes if outcome.values[measure] < 1]
    found = dict.fromkeys(pk for outcome in missed for pk in outcome.found)
    groups = [outcome.group for outcome in missed]
    return Worst(product, _mean(outcomes, measure), groups, list(found))


def _mean(outcomes: Sequence[Outcome], measure: str) -> float:
    return sum(outcome.values[measure] for outcome in outcomes) / len(outcomes)


def _grouped(
    outcomes: Iterable[Outcome], key: Callable[[Outcome], Key]
) -> dict[Key, list[Outcome]]:
    groups: dict[Key, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[key(outcome)].append(outcome)
    return groups
