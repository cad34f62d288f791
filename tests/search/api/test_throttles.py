"""Limits on searches and fetches, counted in real processes, on disk and in a real Redis."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import repeat
from time import time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory, override_settings
from redis import Redis

from catalog.models import Product
from search.api import throttles
from search.api.throttles import InvalidRate, Rate, client_of, count, rate_of
from tests.conftest import MakeProduct, Picture
from tests.pipeline.processes import Broker, shop_processes
from tests.tools import REDIS
from tests.waiting import PATIENCE

TIMES = 400


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Redis server."""
    REDIS.path()
    with Broker(tmp_path_factory.mktemp("redis") / "redis.log") as server:
        yield server


@pytest.fixture
def in_redis(redis: Broker, settings: Any) -> Broker:
    """The Redis server that caches and counts."""
    redis.clear()
    settings.CACHE_URL = f"{redis.url}?socket_timeout={PATIENCE}"
    return redis


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Three processes of one shop."""
    ours = {"SECRET_KEY": "theirs", "DJANGO_SETTINGS_MODULE": "visualsearch.settings"}
    with shop_processes(3, ours) as processes:
        yield processes


@pytest.fixture(params=["on disk", "in Redis"])
def place(request: pytest.FixtureRequest, settings: Any) -> dict[str, Any]:
    """The settings that say where counts are kept."""
    if request.param == "in Redis":
        request.getfixturevalue("in_redis")
    return {name: getattr(settings, name) for name in ("COUNTERS_DIR", "CACHE_URL")}


def count_there(place: dict[str, Any], until: int) -> int:
    """Count in a process that has other settings."""
    with override_settings(**place):
        return count("one", until)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time, as a list of one; it starts 10.5 seconds after a full minute."""
    moment = [2_000_000_000 // 60 * 60 + 10.5]
    monkeypatch.setattr(throttles, "time", lambda: moment[0])
    return moment


@pytest.fixture
def mug(make_product: MakeProduct, picture: Picture) -> Product:
    """A product that can be searched for."""
    return make_product(image=picture(1))


def ask(client: Client, product: Product, **request: Any) -> Any:
    return client.get("/api/search/", {"query": f"product-{product.pk}"}, **request)


def test_admits_as_many_as_the_rate_says(
    client: Client, mug: Product, settings: Any, clock: list[float]
) -> None:
    settings.SEARCH_RATE = "3/min"
    assert [ask(client, mug).status_code for _ in range(5)] == [200, 200, 200, 429, 429]


def test_says_how_long_to_wait_and_admits_after_that(
    client: Client, mug: Product, settings: Any, clock: list[float]
) -> None:
    settings.SEARCH_RATE = "1/min"
    ask(client, mug)
    refused = ask(client, mug)
    assert refused["Retry-After"] == "50"
    sentence = "You have searched very often just now. Please try again in 50 seconds."
    assert refused.json() == {"detail": sentence}
    clock[0] += 48.6
    assert ask(client, mug)["Retry-After"] == "1"
    clock[0] += 1
    assert ask(client, mug).status_code == 200


def test_processes_count_exactly(processes: ProcessPoolExecutor, place: dict[str, Any]) -> None:
    until = int(time()) + 3600
    counted = list(processes.map(count_there, repeat(place, TIMES), repeat(until), chunksize=20))
    assert sorted(counted) == list(range(1, TIMES + 1))


@pytest.mark.usefixtures("place")
def test_threads_count_exactly() -> None:
    until = int(time()) + 3600
    with ThreadPoolExecutor(16) as threads:
        counted = list(threads.map(count, repeat("one", TIMES), repeat(until)))
    assert sorted(counted) == list(range(1, TIMES + 1))


def test_counts_of_the_past_are_removed(settings: Any, clock: list[float]) -> None:
    for name in ("one", "other"):
        count(name, int(clock[0]) + 60)
    clock[0] += 61
    count("one", int(clock[0]) + 60)
    names = [path.name for path in settings.COUNTERS_DIR.iterdir()]
    assert names == [f"{int(clock[0]) + 60}.counts"]


@pytest.mark.parametrize("name", ["notes.txt", "\u00b2", "\u0661", "1" * 200, "nan", "1e3.counts"])
def test_file_that_is_not_ours_does_not_stop_the_counting(
    settings: Any, clock: list[float], name: str
) -> None:
    settings.COUNTERS_DIR.mkdir()
    (settings.COUNTERS_DIR / name).touch()
    assert [count("one", int(clock[0]) + 60) for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("in_memory", [False, True], ids=["on disk", "in Redis"])
def test_counts_of_many_clients_take_up_little_and_stay_right(
    request: pytest.FixtureRequest, settings: Any, in_memory: bool
) -> None:
    redis = request.getfixturevalue("in_redis") if in_memory else None
    until = int(time()) + 3600
    known = {f"known {number}": number for number in range(1, 40)}
    for name, times in known.items():
        assert [count(name, until) for _ in range(times)] == list(range(1, times + 1))
    for number in range(10_000):
        count(f"stranger {number}", until)
    counted = [count(name, until) - times - 1 for name, times in known.items()]
    assert max(counted) <= 1, "hardly a stranger shares all four slots"
    if redis:
        with Redis.from_url(redis.url) as client:
            assert [client.memory_usage(key) < 3 * 2**20 for key in client.scan_iter()] == [True]
    else:
        assert [path.stat().st_size <= 2**20 for path in settings.COUNTERS_DIR.iterdir()] == [True]


@pytest.mark.parametrize("forwarded", ["10.9.8.{}", "203.0.113.7, 10.9.8.{}", "nonsense-{}"])
def test_forwarded_for_is_ignored_without_a_proxy(
    client: Client, mug: Product, settings: Any, clock: list[float], forwarded: str
) -> None:
    settings.SEARCH_RATE = "2/min"
    tries = [
        ask(client, mug, headers={"X-Forwarded-For": forwarded.format(number)}).status_code
        for number in range(4)
    ]
    assert tries == [200, 200, 429, 429]


def test_behind_a_proxy_what_it_wrote_counts_and_no_more(
    client: Client, mug: Product, settings: Any, clock: list[float]
) -> None:
    settings.SEARCH_RATE = "2/min"
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 1}

    def tries(forwarded: str) -> list[int]:
        headers = ({"X-Forwarded-For": forwarded.format(number)} for number in range(3))
        return [ask(client, mug, headers=each).status_code for each in headers]

    assert tries("10.9.8.{}, 203.0.113.7") == [200, 200, 429]
    assert tries("203.0.113.7, 203.0.113.8") == [200, 200, 429]
    assert tries("203.0.113.9, nonsense-{}") == [200, 200, 429]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:0:7::1", "2001:db8:0:7:ffff:ffff:ffff:ffff"),
        ("2001:db8:0:7::1", "2001:0DB8:0000:0007::2"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::2"),
    ],
)
def test_addresses_of_one_client_count_together(one: str, other: str) -> None:
    assert client_at(one) == client_at(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:0:7::1", "2001:db8:0:8::1"),
        ("203.0.113.7", "203.0.113.8"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8"),
    ],
)
def test_addresses_of_two_clients_count_apart(one: str, other: str) -> None:
    assert client_at(one) != client_at(other)


def client_at(address: str) -> str:
    return client_of(RequestFactory().get("/", REMOTE_ADDR=address))


def test_fetching_has_a_rate_of_its_own_and_counts_as_a_search_too(
    client: Client, mug: Product, settings: Any, clock: list[float]
) -> None:
    settings.SEARCH_RATE, settings.FETCH_RATE = "3/min", "1/min"
    address = {"image_url": "http://127.0.0.1/photo.jpg"}
    refused = "This address can't be fetched."
    assert client.post("/api/search/", address).json()["image_url"][0].startswith(refused)
    too_often = client.post("/", address)
    assert too_often.status_code == 429
    assert "very many addresses" in too_often.content.decode()
    assert [ask(client, mug).status_code for _ in range(2)] == [200, 429]


def test_every_way_to_search_counts(
    client: Client, mug: Product, picture: Picture, settings: Any, clock: list[float]
) -> None:
    settings.SEARCH_RATE = "7/min"
    photo = SimpleUploadedFile("mug.jpg", picture(1))
    doors = (
        lambda: client.post("/api/search/", {"product": mug.pk}),
        lambda: client.post("/search", {"product": mug.pk}),
        lambda: client.get(f"/api/search/?query=product-{mug.pk}"),
        lambda: client.get(f"/api/products/{mug.pk}/similar/"),
        lambda: client.get(f"/api/products/by-sku/{mug.sku}/similar/"),
        lambda: client.get(f"/?query=product-{mug.pk}"),
        lambda: client.get(f"/products/{mug.pk}/"),
        lambda: client.post("/", {"file": photo}),
    )
    assert [door().status_code for door in doors] == [200] * 7 + [429]
    assert {door().status_code for door in doors} == {429}


def test_pages_show_a_sentence_beside_their_content(
    client: Client, mug: Product, settings: Any, clock: list[float]
) -> None:
    settings.SEARCH_RATE = "1/min"
    ask(client, mug)
    for path in (f"/?query=product-{mug.pk}", f"/products/{mug.pk}/"):
        page = client.get(path)
        assert (page.status_code, page["Retry-After"]) == (429, "50")
        assert "searched very often just now. Please try again in 50 seconds." in page.text
    assert "<h1>Mug</h1>" in page.text


def test_pages_without_a_search_do_not_count(
    client: Client, mug: Product, settings: Any, clock: list[float]
) -> None:
    settings.SEARCH_RATE = "1/min"
    for path in ("/", "/products/", "/api/products/", f"/api/products/{mug.pk}/", "/readyz"):
        assert client.get(path).status_code == 200
    assert ask(client, mug).status_code == 200


def test_search_works_if_the_disk_refuses_to_count(
    client: Client, mug: Product, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SEARCH_RATE = "1/min"
    settings.COUNTERS_DIR.parent.mkdir(exist_ok=True)
    settings.COUNTERS_DIR.write_text("no folder")
    assert [ask(client, mug).status_code for _ in range(3)] == [200, 200, 200]
    assert "could not be counted" in caplog.text


def test_search_works_without_redis(
    client: Client,
    mug: Product,
    settings: Any,
    in_redis: Broker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.SEARCH_RATE = "1/min"
    assert [ask(client, mug).status_code for _ in range(2)] == [200, 429]
    settings.CACHE_URL = in_redis.url
    in_redis.freeze()
    try:
        assert ask(client, mug).status_code == 200
    finally:
        in_redis.thaw()
    assert "could not be counted" in caplog.text


def test_empty_rate_is_no_limit(client: Client, mug: Product, settings: Any) -> None:
    settings.SEARCH_RATE = ""
    assert {ask(client, mug).status_code for _ in range(20)} == {200}
    assert not settings.COUNTERS_DIR.exists()


@pytest.mark.parametrize(
    ("setting", "rate"),
    [
        ("600/min", Rate(600, 60)),
        ("1/second", Rate(1, 1)),
        ("5000/hour", Rate(5000, 3600)),
        ("100000/day", Rate(100000, 86400)),
        ("", None),
    ],
)
def test_reads_rates(setting: str, rate: Rate | None) -> None:
    assert rate_of(setting) == rate


@pytest.mark.parametrize(
    "setting",
    ["600", "600/", "/min", "0/min", "-1/min", "1.5/min", "600/week", "٣/min", "600/ min"],
)
def test_refuses_rates_it_can_not_read(setting: str) -> None:
    with pytest.raises(InvalidRate, match="such as 600/min"):
        rate_of(setting)
