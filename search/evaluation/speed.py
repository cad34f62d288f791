"""How long a search takes, from a photo's bytes to the products."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from search.evaluation.same_product import as_sent, picture_of
from search.queries.query import look
from search.service import Options, search

Times = dict[str, float]  # milliseconds, by stage


@dataclass(frozen=True)
class Latency:
    """Milliseconds: what half of the searches take at most, and what 19 of 20 do."""

    median: float
    percentile_95: float


def time_searches(products: Sequence[int], embedder: Embedder) -> Iterator[Times]:
    """The times of a search with the picture of each of these products (ids), one at a time."""
    asked = Product.objects.in_bulk(products).values()
    for picture in filter(None, (picture_of(product, embedder) for product in asked)):
        query = look("", as_sent(picture), embedder)
        answer = search(query, Options())
        times = {"decode": query.decode_ms, "embed": query.embed_ms, "rank": answer.rank_ms}
        yield times | {"total": sum(times.values())}


def latencies(searches: Sequence[Times]) -> dict[str, Latency]:
    """The latency of each stage, and of all together."""
    stages = searches[0] if searches else ()
    return {
        stage: Latency(*np.quantile([times[stage] for times in searches], (0.5, 0.95)).tolist())
        for stage in stages
    }
