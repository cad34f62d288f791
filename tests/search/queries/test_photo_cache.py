"""What strangers make the shop keep, on a real disk and in a real Redis: both behave the same."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from itertools import repeat
from pathlib import Path
from time import time
from typing import Any

import pytest
from redis import Redis

from catalog.pictures.gate import open_image
from search.queries import photo_cache
from search.queries.photo_cache import Store, keep, kept, kept_address, store, sweep
from search.queries.photo_cache.files import BLOCK, INDEX, PhotoFiles
from search.queries.photo_cache.redis import PhotosInRedis
from tests.conftest import Picture
from tests.pipeline.processes import Broker, shop_processes
from tests.tools import REDIS
from tests.waiting import PATIENCE, until

MEGABYTE = 2**20
HOUR = photo_cache.QUERY_SECONDS
NOW = 2_000_000_000.0

MakeStore = Callable[..., Store]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Redis server."""
    REDIS.path()
    with Broker(tmp_path_factory.mktemp("redis") / "redis.log") as server:
        yield server


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Two processes of one shop."""
    with shop_processes(2, {"DJANGO_SETTINGS_MODULE": "visualsearch.settings"}) as processes:
        yield processes


@pytest.fixture(params=["on disk", "in Redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where photos are kept: a folder, or the address of a Redis server."""
    if request.param == "on disk":
        return str(tmp_path / "photos")
    redis = request.getfixturevalue("redis")
    redis.clear()
    return f"{redis.url}?socket_timeout={PATIENCE}"


@pytest.fixture
def make_store(place: str) -> MakeStore:
    """Creates a store of this budget in bytes."""
    return partial(opened, place)


@pytest.fixture
def configured(place: str, settings: Any) -> None:
    """Keep photos in this place."""
    settings.CACHE_URL = place if place.startswith("redis://") else ""
    settings.PHOTOS_DIR = Path(place)


def opened(place: str, budget: int = 50 * MEGABYTE, share: int | None = None) -> Store:
    if place.startswith("redis://"):
        return PhotosInRedis(place, budget=budget, share=share or budget)
    return PhotoFiles(Path(place), budget=budget, share=share or budget, reserve=0)


def used(place: str) -> int:
    """The bytes that are in use, everything included."""
    if place.startswith("redis://"):
        with Redis.from_url(place) as client:
            return sum(client.memory_usage(key) or 0 for key in client.scan_iter())
    return sum(file.stat().st_blocks * 512 for file in Path(place).iterdir())


def entries(place: str) -> int:
    """How many entries there are, whether or not the index knows them."""
    if place.startswith("redis://"):
        with Redis.from_url(place) as client:
            return len(list(client.scan_iter("photos:entry:*")))
    return len([file for file in Path(place).iterdir() if not file.name.startswith(INDEX)])


def fill(place: str, budget: int, client: str, numbers: range, size: int) -> None:
    """Put entries, in a process of its own."""
    filled = opened(place, budget)
    for number in numbers:
        put(filled, f"{client}-{number}", os.urandom(size), client=client)


def put(
    into: Store, name: str, data: bytes = b"photo", *, client: str = "one", age: float = 0
) -> None:
    into.put(name, data, client=client, expires=NOW - age + HOUR, now=NOW - age)


def test_gives_back_what_was_put_last(make_store: MakeStore) -> None:
    ours, photo = make_store(), os.urandom(300_000)
    put(ours, "one", b"old")
    put(ours, "one", photo)
    assert make_store().get("one") == photo
    assert ours.get("two") == b""


def test_oldest_make_room_for_new_ones(make_store: MakeStore, place: str) -> None:
    ours = make_store(budget=10 * MEGABYTE)
    for number in range(300):
        put(ours, f"{number:03}", os.urandom(100_000), age=-number / 1000)
        if number % 20 == 0:
            assert used(place) <= 10 * MEGABYTE
    left = [number for number in range(300) if ours.get(f"{number:03}")]
    assert 80 < len(left) < 105
    assert left == list(range(300 - len(left), 300))


def test_small_entries_do_not_exceed_the_budget_either(make_store: MakeStore, place: str) -> None:
    ours = make_store(budget=MEGABYTE)
    for number in range(300):
        put(ours, f"{number:040}", b"vector", client=f"client {number % 50}")
    assert MEGABYTE / 10 < used(place) <= MEGABYTE


def test_client_has_no_more_than_a_share(make_store: MakeStore, place: str) -> None:
    ours = make_store(share=5 * MEGABYTE)
    for number in range(100):
        put(ours, f"{number:03}", os.urandom(100_000), age=-number / 1000)
    assert 4 * MEGABYTE < used(place) <= 5 * MEGABYTE
    assert ours.get("099")
    assert not ours.get("000")


def test_who_holds_the_most_makes_room_and_nobody_else(make_store: MakeStore) -> None:
    ours = make_store(budget=20 * MEGABYTE)
    for number in range(40):  # the photos of shoppers are older
        put(ours, f"shopper {number}", os.urandom(200_000), client=f"shopper {number}", age=60)
    for number in range(300):
        put(ours, f"flood {number}", os.urandom(200_000), client="flood", age=-number / 1000)
    assert all(ours.get(f"shopper {number}") for number in range(40))
    assert ours.get("flood 299")
    put(ours, "late", os.urandom(200_000), client="late")
    assert ours.get("late")
    assert all(ours.get(f"shopper {number}") for number in range(40))


def test_among_ordinary_clients_the_oldest_go_whatever_their_size(make_store: MakeStore) -> None:
    ours = make_store(budget=100 * MEGABYTE)
    sizes = [50_000 + 37_000 * (number * 7 % 20) for number in range(300)]
    for number, size in enumerate(sizes):
        put(ours, f"{number}", bytes(size), client=f"shopper {number}", age=-number / 1000)
    left = [number for number in range(300) if ours.get(f"{number}")]
    assert 200 < len(left) < 290
    assert left == list(range(300 - len(left), 300))


def test_what_exceeds_a_share_is_not_kept(make_store: MakeStore, place: str) -> None:
    ours = make_store(share=MEGABYTE)
    put(ours, "one")
    with pytest.raises(photo_cache.CACHE_ERRORS, match="no room"):
        put(ours, "two", bytes(2 * MEGABYTE))
    assert (ours.get("one"), ours.get("two")) == (b"photo", b"")
    assert entries(place) == 1


def test_processes_stay_within_the_budget_together(
    processes: ProcessPoolExecutor, place: str
) -> None:
    budget = 4 * MEGABYTE
    ways = (repeat(place), repeat(budget), ["one", "two"], repeat(range(40)), repeat(75_000))
    list(processes.map(fill, *ways))
    assert budget / 2 < used(place) <= budget
    both = opened(place, budget)
    left = [client for client in ("one", "two") for n in range(40) if both.get(f"{client}-{n}")]
    assert abs(left.count("one") - left.count("two")) < 10


def test_sums_are_right_again_after_everything_expired(make_store: MakeStore, place: str) -> None:
    ours = make_store(budget=3 * MEGABYTE)
    for hour in range(3):
        for number in range(20):
            put(ours, f"{hour}-{number}", os.urandom(100_000), client=f"client {number}")
        assert all(ours.get(f"{hour}-{number}") for number in range(20))
        ours.sweep(NOW + HOUR)
        assert entries(place) == 0


@pytest.mark.usefixtures("configured")
def test_entry_is_gone_when_its_time_is_up(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expires = keep("photo", b"bytes", client="one")
    keep("preview", b"small", client="one", expires=expires)
    assert kept("photo") == photo_cache.Kept(b"bytes", expires)
    monkeypatch.setattr(photo_cache, "time", lambda: expires)
    assert (kept("photo"), kept("preview")) == (None, None)
    sweep()
    assert entries(place) == 0


@pytest.mark.usefixtures("configured")
def test_address_is_known_to_the_client_who_gave_it() -> None:
    photo_cache.keep_address("https://shop.example/a.jpg", "the-id", client="one")
    assert kept_address("https://shop.example/a.jpg", client="one") == "the-id"
    assert kept_address("https://shop.example/a.jpg", client="two") == ""


@pytest.mark.usefixtures("configured")
def test_names_neither_clients_nor_queries(place: str) -> None:
    keep("picture:secret-id", b"bytes", client="203.0.113.77")
    if place.startswith("redis://"):
        with Redis.from_url(place) as client:
            stored = b"".join(client.dump(key) or b"" for key in client.scan_iter())
            stored += b"".join(client.scan_iter())
    else:
        stored = b"".join(file.read_bytes() for file in Path(place).iterdir())
        stored += "".join(file.name for file in Path(place).iterdir()).encode()
    assert b"bytes" in stored
    assert b"203.0.113.77" not in stored
    assert b"secret-id" not in stored


def overwrite(place: str, data: bytes) -> None:
    """Replace the only entry, as a power cut or somebody else's program would."""
    if place.startswith("redis://"):
        with Redis.from_url(place) as client:
            (key,) = client.scan_iter("photos:entry:*")
            client.set(key, data)
        return
    (path,) = (file for file in Path(place).iterdir() if not file.name.startswith(INDEX))
    expires = path.stat().st_mtime
    path.write_bytes(data)
    os.utime(path, (expires, expires))


@pytest.mark.parametrize("foreign", [b"", b"\x80", b"\x80\x04N.", bytes(12), bytes(300)])
@pytest.mark.usefixtures("configured")
def test_damaged_entry_is_a_miss_and_can_be_replaced(place: str, foreign: bytes) -> None:
    keep("photo", bytes(200), client="one")
    overwrite(place, foreign)
    assert kept("photo") is None
    keep("photo", b"new", client="one")
    assert kept("photo") == photo_cache.Kept(b"new", pytest.approx(time() + HOUR, abs=PATIENCE))


def test_value_of_another_kind_in_redis_is_a_miss(redis: Broker, settings: Any) -> None:
    redis.clear()
    settings.CACHE_URL = f"{redis.url}?socket_timeout={PATIENCE}"
    keep("photo", b"bytes", client="one")
    with Redis.from_url(redis.url) as client:
        (key,) = client.scan_iter("photos:entry:*")
        client.delete(key)
        client.lpush(key, "foreign")
        assert kept("photo") is None
        client.delete("photos:rows")
        client.set("photos:rows", "foreign")
        keep("photo", b"bytes", client="one")  # which is only logged
        client.flushall()
    keep("photo", b"bytes", client="one")
    assert kept("photo")


def test_store_in_redis_recovers_from_lost_indexes(redis: Broker) -> None:
    redis.clear()
    ours = PhotosInRedis(f"{redis.url}?socket_timeout={PATIENCE}", budget=MEGABYTE, share=MEGABYTE)
    with Redis.from_url(redis.url) as client:
        for lost in ("rows", "expiry", "clients", "all", "of:one"):
            for number in range(5):
                put(ours, f"{number}", os.urandom(300_000))
            client.delete(f"photos:{lost}")
            for number in range(5):
                put(ours, f"again {number}", os.urandom(300_000))
            assert ours.get("again 4")


def test_everything_in_redis_expires_by_itself(redis: Broker) -> None:
    redis.clear()
    put(PhotosInRedis(redis.url, budget=MEGABYTE, share=MEGABYTE), "one")
    with Redis.from_url(redis.url) as client:
        lifetimes = {key: client.ttl(key) for key in client.scan_iter()}
    assert all(0 < seconds <= 2 * HOUR for seconds in lifetimes.values()), lifetimes
    assert 0 < lifetimes[b"photos:entry:one"] <= HOUR


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """The folder with photos."""
    settings.CACHE_URL = ""
    settings.PHOTOS_DIR = tmp_path / "photos"
    return tmp_path / "photos"


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {INDEX}


def test_sweeper_removes_what_a_kill_left_behind(folder: Path) -> None:
    keep("live", b"bytes", client="one")
    (live,) = files(folder)
    (folder / "left-over.part").write_bytes(b"\x80")
    (folder / "no-row-in-the-index").write_bytes(b"photo")
    (folder / "torn").write_bytes(b"")
    os.utime(folder / "torn", (time() + HOUR, time() + HOUR))
    sweep()
    assert files(folder) == {live}
    assert kept("live")


def test_sum_forgets_files_that_somebody_removed(folder: Path) -> None:
    ours = PhotoFiles(folder, budget=MEGABYTE, share=MEGABYTE, reserve=0)
    for number in range(9):
        put(ours, f"{number}", bytes(100_000))
    for path in files(folder):
        (folder / path).unlink()
    ours.sweep(NOW)
    for number in range(9):
        put(ours, f"{number}", bytes(100_000))
    assert len(files(folder)) == 9


@pytest.mark.parametrize(
    "damage",
    [
        *(b"no database at all" * 100, b""),
        *(
            "DROP TABLE kept; DROP TABLE held",
            "UPDATE held SET bytes = 1 << 40",
            "DELETE FROM held",
        ),
    ],
)
def test_damaged_index_costs_the_photos_and_no_more(folder: Path, damage: Any) -> None:
    keep("old", b"bytes", client="one")
    index = folder / INDEX
    if isinstance(damage, str):
        with closing(sqlite3.connect(index)) as connection:
            connection.executescript(damage)
    else:
        index.write_bytes(damage)
    for _ in range(2):
        keep("new", b"bytes", client="one")
    assert kept("new")
    sweep()
    assert kept("new")
    assert len(files(folder)) <= 2


def test_sweeper_begins_with_the_process_although_nobody_searches(
    folder: Path, tmp_path: Path
) -> None:
    keep("photo", b"bytes", client="one")
    for path in files(folder):
        os.utime(folder / path, (time() - 1, time() - 1))
    ours = {"VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "visualsearch.settings"}
    command = [sys.executable, "-c", "import visualsearch.wsgi, time; time.sleep(600)"]
    process = subprocess.Popen(command, env=os.environ | ours)  # noqa: S603
    try:
        until(lambda: files(folder), lambda left: not left)
    finally:
        process.kill()
        process.wait()


def test_photos_leave_the_disk_its_reserve(folder: Path, settings: Any) -> None:
    settings.DISK_RESERVE_MB = 2**40
    keep("photo", bytes(BLOCK), client="one")
    assert kept("photo") is None
    assert not files(folder)


def test_photos_give_way_when_the_disk_fills_up(folder: Path) -> None:
    statistics = os.statvfs(folder.parent)
    free = statistics.f_bavail * statistics.f_frsize
    roomy, tight = (
        PhotoFiles(folder, budget=free, share=free, reserve=reserve) for reserve in (0, free * 2)
    )
    for number in range(3):
        put(roomy, f"{number}", bytes(BLOCK))
    tight.sweep(NOW)
    assert not files(folder)


def test_index_stays_small(folder: Path) -> None:
    ours = PhotoFiles(folder, budget=MEGABYTE, share=MEGABYTE, reserve=0)
    for number in range(1000):
        put(ours, f"{number:040}", client=f"{number:016}")
    assert store()
    assert (folder / INDEX).stat().st_size < 200_000


@pytest.mark.usefixtures("configured")
def test_flood_of_one_client_costs_the_others_nothing_and_all_are_gone_after_an_hour(
    place: str, settings: Any, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of 5,000 searches by one client and 500 by others, in a fiftieth of the space."""
    settings.KEPT_PHOTOS_MB, settings.KEPT_PHOTOS_CLIENT_MB = 10, 2
    monkeypatch.setattr(photo_cache, "time", lambda: now[0])
    now, photo = [time()], picture(1)
    for number in range(50):
        keep(f"picture:other {number}", photo, client=f"other {number % 10}")
        for more in range(10):
            keep(f"picture:flood {number}-{more}", photo + bytes(20_000), client="flood")
        now[0] += 1
        if number % 10 == 0:
            sweep()
            assert used(place) <= 10 * MEGABYTE
    photos = [kept(f"picture:other {number}") for number in range(50)]
    assert all(photo and open_image(photo.data).width == 320 for photo in photos)
    assert used(place) <= 10 * MEGABYTE
    now[0] += HOUR
    assert kept("picture:other 49") is None
    sweep()
    assert entries(place) == 0
    assert used(place) < MEGABYTE / 4, "what is left is an index"
