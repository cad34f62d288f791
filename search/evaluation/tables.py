"""What an evaluation's questions led to, and the tables made of that."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeVar

import numpy as np

from search.ranking.measures import Figure, figure

GroupKey = TypeVar("GroupKey", str, int)
Figures = dict[str, Figure]  # by measure


@dataclass(frozen=True)
class Outcome:
    """What one question led to in one order."""

    order: str
    product: int  # id of the product that was asked for
    group: str  # the change of its photo, or its category
    values: dict[str, float]  # by measure, each from 0 to 1
    found: list[int]  # ids of the first products, best first
    scores: dict[str, list[float]] = field(default_factory=dict)  # cosines, by kind of pair


@dataclass(frozen=True)
class Table:
    """The figures of one order: of all products, and of each group."""

    total: Figures
    groups: dict[str, Figures]


@dataclass(frozen=True)
class Worst:
    """A product that the search serves badly."""

    product: int
    value: float  # from 0 to 1, the mean of its outcomes
    groups: list[str]  # where another product came first
    found: list[int]  # ids of the products that came before it or instead of it


def tables(outcomes: Iterable[Outcome], seed: int) -> dict[str, Table]:
    """A table for each order, in the order of the outcomes."""
    return {
        order: Table(
            _figures(of_order, seed),
            {
                name: _figures(group, seed)
                for name, group in _grouped(of_order, attrgetter("group")).items()
            },
        )
        for order, of_order in _grouped(outcomes, attrgetter("order")).items()
    }


def worst(outcomes: Iterable[Outcome], measure: str, count: int) -> list[Worst]:
    """Up to `count` products with the lowest means of a measure, lowest first; none at 1."""
    found = []
    for product, of_product in _grouped(outcomes, attrgetter("product")).items():
        missed = [outcome for outcome in of_product if outcome.values[measure] < 1]
        if missed:
            before = dict.fromkeys(pk for outcome in missed for pk in outcome.found)
            groups = [outcome.group for outcome in missed]
            found.append(Worst(product, _mean(of_product, measure), groups, list(before)))
    return sorted(found, key=attrgetter("value", "product"))[:count]


def _figures(outcomes: Sequence[Outcome], seed: int) -> Figures:
    """Means over products, since several outcomes of one product are not independent."""
    products = _grouped(outcomes, attrgetter("product")).values()
    return {
        measure: figure(np.array([_mean(product, measure) for product in products]), seed=seed)
        for measure in outcomes[0].values
    }


def _mean(outcomes: Sequence[Outcome], measure: str) -> float:
    return sum(outcome.values[measure] for outcome in outcomes) / len(outcomes)


def _grouped(
    outcomes: Iterable[Outcome], key: Callable[[Outcome], GroupKey]
) -> dict[GroupKey, list[Outcome]]:
    groups: dict[GroupKey, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[key(outcome)].append(outcome)
    return groups
