"""An evaluation as a whole: asks the questions and reports on the answers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol, TypeVar

import numpy as np

from catalog.embedders.runtime import Embedder
from catalog.messages import Sentence
from catalog.models import Product
from search.bands import Bands, bands_of
from search.calibration.limits import shares
from search.datasets.copies import as_sent, changed_copies, joined, picture_of
from search.engines import corpus_for
from search.evaluation.orders import PLAIN, compared_orders, order_in_use
from search.evaluation.questions import (
    ask_for_kinds,
    ask_for_products,
    categorized_products,
    pictured_products,
)
from search.evaluation.tables import Outcome, Table, Worst, tables, worst
from search.queries.query import look
from search.service import Options, search

WORST = 12  # products shown for each measurement
TIMED = 50  # searches

Step = TypeVar("Step")


class Progress(Protocol):
    """Collects the results of steps as they come, and may show how many are done."""

    def __call__(self, steps: Iterable[Step], what: str, total: int) -> list[Step]: ...


@dataclass(frozen=True)
class Sizes:
    """How many products are asked for, and the seed that selects them."""

    same_product: int = 300  # with every change
    same_kind: int = 500
    seed: int = 0


@dataclass(frozen=True)
class Latency:
    """Milliseconds."""

    median: float
    percentile_95: float


@dataclass(frozen=True)
class Report:
    """The result of an evaluation. What could not be measured is empty, and a note says why."""

    embedder: str  # identity
    products: int  # that can be searched
    sizes: Sizes
    notes: list[Sentence]
    order: str  # the one that shoppers get
    same_product: dict[str, Table]  # by order
    same_kind: dict[str, Table]  # by order
    limits: dict[str, float | None]  # of the bands: the least cosine, None for the lowest
    bands: dict[str, dict[str, float]]  # shares of pairs, by their kind and by band
    milliseconds: dict[str, Latency]  # by stage
    worst_products: list[Worst]
    worst_kinds: list[Worst]

    def mean(self, measurement: str, measure: str) -> float | None:
        """A figure for the order that shoppers get, None if it was not measured."""
        found: dict[str, Table] = getattr(self, measurement)
        table = found.get(self.order)
        return table.total[measure].mean if table else None


def evaluate(embedder: Embedder, sizes: Sizes, progress: Progress) -> Report:
    """Ask the catalog that is searched now, and report on the answers."""
    corpus, seed = corpus_for(embedder.identity, embedder.dim), sizes.seed
    pictured = pictured_products(corpus, sizes.same_product, seed=seed)
    categorized = categorized_products(corpus, sizes.same_kind, seed=seed)
    photos = changed_copies(pictured.products, embedder, seed=seed)
    parts = progress(photos, "changing photos", len(pictured.products))
    copies = joined(parts, embedder.dim)
    orders = compared_orders(corpus, copies)
    order, bands = order_in_use(corpus), bands_of(embedder.identity)
    asked = ask_for_products(copies, orders)
    products = progress(asked, "same product", len(copies.products) * len(orders))
    asked = ask_for_kinds(categorized.products, orders, corpus, embedder, seed=seed)
    kinds = progress(asked, "same kind", len(categorized.products) * len(orders))
    timed = pictured.products[:TIMED]
    times = progress(_time_searches(timed, embedder), "latency", len(timed))

    def in_order(name: str, outcomes: Sequence[Outcome]) -> list[Outcome]:
        return [outcome for outcome in outcomes if outcome.order == name]

    return Report(
        embedder=embedder.identity,
        products=len(corpus),
        sizes=sizes,
        notes=[note for note in (pictured.lack, categorized.lack, orders.lack) if note],
        order=order,
        same_product=tables(products, seed),
        same_kind=tables(sorted(kinds, key=attrgetter("group")), seed),
        limits={band.name: band.least for band in bands.all},
        bands=_band_shares(in_order(PLAIN, [*products, *kinds]), bands),
        milliseconds={
            stage: Latency(*np.quantile([each[stage] for each in times], (0.5, 0.95)).tolist())
            for stage in (times[0] if times else ())
        },
        worst_products=worst(in_order(order, products), "reciprocal_rank", WORST),
        worst_kinds=worst(in_order(order, kinds), "average_precision", WORST),
    )


def _time_searches(products: Sequence[int], embedder: Embedder) -> Iterator[dict[str, float]]:
    """Milliseconds by stage of one search after the other, each with a product's picture."""
    asked = Product.objects.in_bulk(products).values()
    for picture in filter(None, (picture_of(product, embedder) for product in asked)):
        query = look("", as_sent(picture), embedder)
        answer = search(query, Options())
        times = {"decode": query.decode_ms, "embed": query.embed_ms, "rank": answer.rank_ms}
        yield times | {"total": sum(times.values())}


def _band_shares(outcomes: Iterable[Outcome], bands: Bands) -> dict[str, dict[str, float]]:
    """By kind of pair and by band, the share of the pairs."""
    scores: dict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        for kind, of_kind in outcome.scores.items():
            scores[kind] += of_kind
    return {kind: shares(bands, np.array(of_kind)) for kind, of_kind in scores.items() if of_kind}
