"""/metrics in one process; `tests/server/test_metrics.py` has several."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families as families

from catalog.models import Product
from tests.catalog.local_servers import hosts, http, running_servers
from tests.conftest import MakeProduct, Picture

Values = dict[str, float]  # by name and labels


def scrape(client: Client) -> Values:
    response = client.get("/metrics", HTTP_HOST="localhost:8000")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in families(response.text)
        for sample in family.samples
    }


@pytest.fixture
def mug(make_product: MakeProduct, picture: Picture) -> Product:
    return make_product(image=picture(1))


def added(after: Values, before: Values) -> Values:
    """What has increased, without buckets, sums and creation times."""
    dull = ("_bucket", "_sum", "_created")
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0) and not name.split()[0].endswith(dull)
    }


def test_tells_of_index_pictures_and_queue(mug: Product, client: Client) -> None:
    values = scrape(client)
    told = {
        name.removeprefix("visualsearch_"): value
        for name, value in values.items()
        if name.split()[0] in ("visualsearch_ready", "visualsearch_index_products")
        or name.startswith(("visualsearch_pictures", "visualsearch_queue"))
    }
    assert told == {
        "ready": 1,
        "index_products": 1,
        "pictures ready": 1,
        "pictures pending": 0,
        "pictures failed": 0,
        "pictures missing": 0,
        "queue_oldest_seconds": 0,
    }
    index = client.get("/readyz").json()["index"]
    assert values["visualsearch_index_generation"] == index["generation"]
    assert 0 <= values["visualsearch_index_lag_seconds"] < 60


def test_counts_searches_by_stage_and_what_they_find(
    mug: Product, client: Client, picture: Picture
) -> None:
    before = scrape(client)
    client.post("/api/search/", {"file": ContentFile(picture(1), "photo.jpg")})
    client.get(f"/?query=product-{mug.pk}")
    searched = {
        name.removeprefix("visualsearch_"): value
        for name, value in added(scrape(client), before).items()
        if name.startswith("visualsearch_search_")
    }
    assert searched == {
        "search_stage_seconds_count decode": 1,
        "search_stage_seconds_count embed": 1,
        "search_stage_seconds_count rank": 2,
        "search_stage_seconds_count total": 1,
        "search_results_count": 2,
    }


def test_counts_what_shoppers_search_for_once_and_no_look_alikes(
    mug: Product, client: Client, picture: Picture
) -> None:
    before = scrape(client)
    client.get(mug.get_absolute_url())
    assert "visualsearch_search_results_count" not in added(scrape(client), before)
    client.get(f"/?query=product-{mug.pk}&threshold=0&page=99")  # shows the last page instead
    assert added(scrape(client), before)["visualsearch_search_results_count"] == 1


def test_counts_requests_by_view_method_and_status(db: None, client: Client) -> None:
    before = scrape(client)
    client.get("/products/")
    client.post("/products/")
    client.generic("BREW", "/nowhere/")
    counted = added(scrape(client), before)
    for view in ("GET 200 products", "POST 405 products", "other 404 none", "GET 200 metrics"):
        assert counted[f"visualsearch_http_requests_total {view}"] == 1
    assert counted["visualsearch_http_request_duration_seconds_count products"] == 2


def test_counts_fetches_by_outcome(
    mug: Product, client: Client, picture: Picture, settings: Any
) -> None:
    before = scrape(client)
    with running_servers() as serve:
        good, bad = serve(http(picture(1))), serve(http(status="404 Not Found"))
        settings.FETCH_ALLOWED_HOSTS = hosts([good, bad])
        for url in (good.url, bad.url, "http://10.0.0.1/a.jpg", "http://localhost/a.jpg"):
            client.post("/api/search/", {"image_url": url})
    counted = added(scrape(client), before)
    outcomes = {"fetched": 1, "failed": 1, "refused": 2}
    assert {name: counted[f"visualsearch_fetches_total {name}"] for name in outcomes} == outcomes


def test_is_told_when_the_network_lacks(
    mug: Product, client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.MODEL_DIR = tmp_path
    values = scrape(client)
    assert values["visualsearch_ready"] == 0
    assert values["visualsearch_pictures ready"] == 1
    assert "visualsearch_index_products" not in values


@pytest.mark.parametrize(
    "headers",
    [
        {"REMOTE_ADDR": "10.0.0.7"},
        {"REMOTE_ADDR": "203.0.113.9"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
        {"HTTP_X_FORWARDED_HOST": "localhost"},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
        {"HTTP_CF_CONNECTING_IP": "127.0.0.1"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_X_AZURE_CLIENTIP": "127.0.0.1"},
        {"HTTP_X_ENVOY_EXTERNAL_ADDRESS": "127.0.0.1"},
        {"HTTP_CDN_LOOP": "cdn"},
        {"SERVER_PROTOCOL": "HTTP/1.0"},  # nginx, if it is told nothing else
        {"HTTP_HOST": "testserver"},  # a name of the shop, as a proxy hands it on
    ],
)
def test_is_refused_from_elsewhere_and_through_a_proxy(
    db: None, client: Client, headers: dict[str, str]
) -> None:
    response = client.get("/metrics", **{"HTTP_HOST": "127.0.0.1:8000"} | headers)
    assert response.status_code == 403
    assert b"METRICS_TOKEN" in response.content
    assert b"visualsearch_" not in response.content


def test_token_opens_it_from_anywhere_and_is_needed_here(
    db: None, client: Client, settings: Any
) -> None:
    settings.METRICS_TOKEN = "gauge-reader"
    elsewhere = {"REMOTE_ADDR": "203.0.113.9", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    bearer = {"HTTP_AUTHORIZATION": "Bearer gauge-reader"}
    assert client.get("/metrics", **elsewhere, **bearer).status_code == 200
    for wrong in ("Bearer gauge", "Bearer ", "gauge-reader", "Bearer größe"):
        assert client.get("/metrics", HTTP_AUTHORIZATION=wrong).status_code == 403
    assert client.get("/metrics").status_code == 403


def test_scrape_costs_few_queries(
    mug: Product, client: Client, django_assert_max_num_queries: Any
) -> None:
    scrape(client)
    with django_assert_max_num_queries(8):
        scrape(client)
