"""What searches count for Prometheus; `visualsearch.prometheus` serves it."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import Counter, Histogram

from catalog.fetching.fetcher import REFUSED, FetchError

STAGE_SECONDS = Histogram(
    "visualsearch_search_stage_seconds",
    "Parts of a search: decode, embed and rank, and in the API total, which is all of it.",
    ("stage",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RESULTS = Histogram(
    "visualsearch_search_results",
    "Products that reached the threshold, on all pages.",
    buckets=(0, 1, 2, 5, 10, 20, 50, 100, 1000),
)
FETCHES = Counter(
    "visualsearch_fetches",
    "Addresses that shoppers gave: fetched, failed, or refused because they are not public.",
    ("outcome",),
)


def milliseconds(stage: str, started: float) -> float:
    """The time since `started`, a `perf_counter()`, to a hundredth; observed for this stage."""
    seconds = perf_counter() - started
    STAGE_SECONDS.labels(stage).observe(seconds)
    return round(1000 * seconds, 2)


@contextmanager
def count_fetch() -> Iterator[None]:
    """Count the fetch inside the block by its outcome."""
    try:
        yield
    except FetchError as error:
        FETCHES.labels("refused" if str(error) == str(REFUSED) else "failed").inc()
        raise
    FETCHES.labels("fetched").inc()
