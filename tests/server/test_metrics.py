"""/metrics of a gunicorn with several processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families as families

from tests.conftest import jpeg
from tests.server.servers import Gunicorn
from tests.waiting import PATIENCE, until

SEARCHES = 12
COUNTED = "visualsearch_http_requests_total", "POST 200 api-search"


@pytest.fixture(scope="module")
def many(environment: dict[str, str], folder: Path) -> Iterator[Gunicorn]:
    """A gunicorn of three processes."""
    server = Gunicorn(environment | {"WEB_CONCURRENCY": "3"}, folder / "many.log")
    yield server
    server.stop()
    assert not list((folder / "tmp").glob("visualsearch-metrics-*")), "and leaves nothing behind"


def scrape(server: Gunicorn) -> dict[tuple[str, str], float]:
    text = requests.get(f"{server.base}/metrics", timeout=PATIENCE).text
    samples = (sample for family in families(text) for sample in family.samples)
    return {(sample.name, " ".join(sample.labels.values())): sample.value for sample in samples}


def test_every_process_tells_of_the_requests_of_all(many: Gunicorn) -> None:
    for seed in range(SEARCHES):
        assert many.search(jpeg(seed % 6)).status == 200
    seen = [scrape(many) for _ in range(8)]  # whichever process it is that answers
    assert [values[COUNTED] for values in seen] == [SEARCHES] * len(seen)
    assert all(values["visualsearch_search_results_count", ""] == SEARCHES for values in seen)
    assert {values["visualsearch_index_products", ""] for values in seen} == {6}
    assert len({values["visualsearch_index_generation", ""] for values in seen}) == 1


def test_counts_outlive_the_process_that_counted(many: Gunicorn) -> None:
    before = scrape(many)[COUNTED]
    old = many.children()
    many.reload()
    until(many.children, lambda now: len(now) == 3 and not now & old)
    assert many.search(jpeg(1)).status == 200
    assert scrape(many)[COUNTED] == before + 1
