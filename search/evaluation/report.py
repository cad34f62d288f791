"""An evaluation as a whole: what is asked, and the report on the answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Protocol, TypeVar

from catalog.embedders.runtime import Embedder
from search.bands import bands_of
from search.datasets.changes import CHANGES
from search.engines import corpus_for
from search.evaluation.band_rates import band_rates
from search.evaluation.orders import PLAIN, comparison, order_in_use
from search.evaluation.outcomes import Outcome, Table, Worst, tables, worst
from search.evaluation.same_kind import ask_for_kinds
from search.evaluation.same_product import ask_for_products, changed_copies
from search.evaluation.samples import categorized_products, pictured_products
from search.evaluation.speed import Latency, latencies, time_searches

WORST = 12  # products that are shown of each measurement
TIMED = 50  # searches

Answer = TypeVar("Answer")


class Watch(Protocol):
    """Takes the answers one by one as they come, and may tell how far that is."""

    def __call__(self, answers: Iterable[Answer], what: str, total: int) -> list[Answer]: ...


@dataclass(frozen=True)
class Sizes:
    """How many products are asked for, and which of them."""

    same_product: int = 300  # with every change
    same_kind: int = 500
    seed: int = 0


@dataclass(frozen=True)
class Report:
    """What an evaluation found. What could not be measured is empty, and a note says why."""

    embedder: str  # identity
    products: int  # that can be searched
    sizes: Sizes
    notes: list[str]
    order: str  # the one that answers shoppers
    same_product: dict[str, Table]  # by order
    same_kind: dict[str, Table]  # by order
    limits: dict[str, float | None]  # of the bands: the least cosine, None for the lowest
    bands: dict[str, dict[str, float]]  # shares of pairs, by their kind and by band
    milliseconds: dict[str, Latency]  # by stage
    worst_products: list[Worst]
    worst_kinds: list[Worst]

    def mean(self, measurement: str, measure: str) -> float | None:
        """A figure of what shoppers get, None where it was not measured."""
        found: dict[str, Table] = getattr(self, measurement)
        table = found.get(self.order)
        return table.total[measure].mean if table else None


def evaluate(embedder: Embedder, sizes: Sizes, watch: Watch) -> Report:
    """Ask the catalog that is searched now, and report on the answers."""
    corpus, seed = corpus_for(embedder.identity, embedder.dim), sizes.seed
    pictured = pictured_products(corpus, sizes.same_product, seed=seed)
    categorized = categorized_products(corpus, sizes.same_kind, seed=seed)
    photos = chain.from_iterable(changed_copies(pictured.products, embedder, seed=seed))
    copies = watch(photos, "changing photos", len(CHANGES) * len(pictured.products))
    compared = comparison(corpus, copies)
    orders, order, bands = compared.orders, order_in_use(corpus), bands_of(embedder.identity)
    products = watch(ask_for_products(copies, orders), "same product", len(copies) * len(orders))
    asked = ask_for_kinds(categorized.products, orders, embedder, seed=seed)
    kinds = watch(asked, "same kind", len(categorized.products) * len(orders))
    timed = pictured.products[:TIMED]
    times = watch(time_searches(timed, embedder), "latency", len(timed))
    return Report(
        embedder=embedder.identity,
        products=len(corpus),
        sizes=sizes,
        notes=[note for note in (pictured.lack, categorized.lack, compared.lack) if note],
        order=order,
        same_product=tables(products, seed),
        same_kind=tables(sorted(kinds, key=attrgetter("group")), seed),
        limits={band.name: band.least for band in bands.all},
        bands=band_rates(_in_order(PLAIN, [*products, *kinds]), bands),
        milliseconds=latencies(times),
        worst_products=worst(_in_order(order, products), "reciprocal_rank", WORST),
        worst_kinds=worst(_in_order(order, kinds), "average_precision", WORST),
    )


def _in_order(order: str, outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.order == order]
