"""Does the shop hold while shoppers search, products change and workers are killed?

    python benchmarks/load.py [SECONDS [SHOPPERS]]

Starts a whole shop in a folder that is thrown away: Redis, two web processes, a worker with beat,
and a server of pictures. `shoppers.py` says what shoppers do; meanwhile products are saved, deleted
and hidden, and the worker is killed without a word. Told are latencies by percentile, errors, wrong
answers, products that were saved and can't be found at the end, and memory. The status is 1 if
there is any of the former, or if memory grew. DATABASE_URL may name an empty database; otherwise it
is SQLite.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event
from time import monotonic, sleep

import clerk
import requests
from shop import ROOT, clerks, free_port, manage, memory, new_shop, run, serve

from tests.pipeline.processes import Broker
from tests.waiting import until

SAVE_EVERY, KILL_EVERY, WEIGH_EVERY = 0.7, 20.0, 2.0  # seconds
GROWTH = 1.1  # of the memory from the second quarter to the last, at most


@dataclass(frozen=True)
class Shop:
    """A running shop."""

    environment: dict[str, str]
    clerks: ProcessPoolExecutor  # of one process
    base: str  # its address
    web: int  # process id
    saved: dict[str, int] = field(default_factory=dict)  # number of the photo by SKU
    kills: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)  # MiB

    @property
    def gone(self) -> Path:
        """The file that shoppers read."""
        return Path(self.environment["GONE"])


def main(seconds: int = 600, shoppers: int = 8) -> None:
    with ExitStack() as stack:
        shop = _opened(stack)
        with _meanwhile(_change, shop), _meanwhile(_kill, shop), _meanwhile(_weigh, shop):
            faults = _let_in(shop, seconds, shoppers)
        faults += [*_lost(shop), *_memory(shop)]
    print("\n".join(faults) or "no fault")
    raise SystemExit(bool(faults))


def _opened(stack: ExitStack) -> Shop:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    broker = stack.enter_context(Broker(folder / "redis.log"))
    environment = _new_shop(folder, broker.url)
    stack.enter_context(_pictures(folder / "pictures", environment))
    staff = stack.enter_context(clerks(environment))
    staff.submit(clerk.stock).result()
    _embed_all(environment, staff)
    manage(environment, "build_embeddings")
    web = stack.enter_context(serve(environment))
    base = f"http://127.0.0.1:{web.port}"
    for _ in range(20):  # so that either process has its network and its index
        until(partial(_is_ready, base), bool)
    return Shop(environment, staff, base, web.pid)


def _new_shop(folder: Path, broker: str) -> dict[str, str]:
    gone, pictures = folder / "gone", f"127.0.0.1:{free_port()}"
    gone.touch()
    return new_shop(
        folder,
        DATABASE_URL=os.environ.get("DATABASE_URL", ""),
        SECRET_KEY="of both web processes",  # noqa: S106
        CELERY_BROKER_URL=broker,
        CACHE_URL=broker.removesuffix("0") + "1",
        FETCH_ALLOWED_HOSTS=pictures,
        WEB_CONCURRENCY="2",
        NUM_PROXIES="1",
        LOG_LEVEL="WARNING",
        PICTURES=pictures,
        GONE=str(gone),
    )


def _pictures(folder: Path, environment: dict[str, str]) -> AbstractContextManager[int]:
    """A server of the photos of the base."""
    folder.mkdir()
    for number in range(clerk.BASE):
        (folder / f"{number}.jpg").write_bytes(clerk.photo(number))
    host, port = environment["PICTURES"].split(":")
    return run(environment, "http.server", port, f"--bind={host}", f"--directory={folder}")


def _worker(environment: dict[str, str]) -> AbstractContextManager[int]:
    command = ("celery", "--app=visualsearch", "worker", "--beat", "--concurrency=2")
    return run(environment, *command)


def _embed_all(environment: dict[str, str], staff: ProcessPoolExecutor) -> None:
    """Have a worker embed what waits."""
    with _worker(environment):
        until(lambda: staff.submit(clerk.waiting).result(), lambda left: not left)


@contextmanager
def _meanwhile(act: Callable[[Shop, Event], None], shop: Shop) -> Iterator[None]:
    """Do something over and over in the background. What it raises is raised at the end."""
    end = Event()
    with ThreadPoolExecutor(1) as background:
        doing = background.submit(act, shop, end)
        try:
            yield
        finally:
            end.set()
        doing.result()


def _change(shop: Shop, end: Event) -> None:
    """Save products; of each three, delete one and hide one some time later."""
    number = clerk.BASE
    while not end.wait(SAVE_EVERY):
        number += 1
        shop.clerks.submit(clerk.save, f"new-{number}", number).result()
        shop.saved[f"new-{number}"] = number
        if number % 3 and number - clerk.BASE > 6:
            leave = clerk.hide if number % 3 == 1 else clerk.delete
            sku = f"new-{number - 6}"
            shop.clerks.submit(leave, sku).result()
            with shop.gone.open("a") as gone:
                gone.write(f"{sku} {monotonic()}\n")
            del shop.saved[sku]


def _kill(shop: Shop, end: Event) -> None:
    while not end.is_set():
        with _worker(shop.environment):
            end.wait(KILL_EVERY)
        shop.kills.append(monotonic())


def _weigh(shop: Shop, end: Event) -> None:
    while not end.wait(WEIGH_EVERY):
        shop.weights.append(memory(shop.web))


def _let_in(shop: Shop, seconds: int, shoppers: int) -> list[str]:
    """Let shoppers in; locust prints what it counted. What went wrong."""
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel=WARNING"]
    command += ["--locustfile=benchmarks/shoppers.py", f"--host={shop.base}"]
    command += [f"--users={shoppers}", "--spawn-rate=2", f"--run-time={seconds}"]
    done = subprocess.run(command, cwd=ROOT, env=shop.environment, check=False)  # noqa: S603
    return ["shoppers were not served as they should, see above"] if done.returncode else []


def _lost(shop: Shop) -> Iterator[str]:
    """Products that were saved and that their own photo does not find, once the queue is empty."""
    _embed_all(shop.environment, shop.clerks)
    sleep(2)
    for sku, number in shop.saved.items():
        photo = {"file": clerk.photo(number)}
        options = {"threshold": "0.9", "limit": "100"}
        answer = requests.post(f"{shop.base}/api/search/", options, files=photo, timeout=60).json()
        if sku not in [result["sku"] for result in answer["results"]]:
            yield f"{sku} was saved and is not found"
    gone = len(shop.gone.read_text().splitlines())
    print(f"{len(shop.saved) + gone} products saved, {gone} of them deleted or hidden again")
    print(f"{len(shop.kills)} workers killed")


def _memory(shop: Shop) -> Iterator[str]:
    quarter = len(shop.weights) // 4
    early, late = median(shop.weights[quarter : 2 * quarter]), median(shop.weights[-quarter:])
    print(f"memory of the web processes: {late / early:.2f} of what it was in the second quarter")
    if late > GROWTH * early:
        yield f"memory grew from {early:.0f} to {late:.0f} MiB"


def _is_ready(base: str) -> bool:
    try:
        return requests.get(f"{base}/readyz", timeout=60).ok
    except requests.ConnectionError:
        return False


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
