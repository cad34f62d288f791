"""Does the shop hold while shoppers search, products change and workers are killed?

    python benchmarks/load.py [SECONDS [SHOPPERS]]

Starts a whole shop in a folder that is thrown away: Redis, two web processes, a worker with beat,
and a server of pictures. `shoppers.py` says what shoppers do; meanwhile products are saved, deleted
and hidden, and the worker is killed without a word. Told are latencies by percentile, errors, wrong
answers, products that were saved and can't be found at the end, and memory. The status is 1 if
there is any of the former, or if memory grew. DATABASE_URL may name an empty database; otherwise it
is SQLite.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from csv import DictReader
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import clerk  # noqa: E402
from tests.pipeline.processes import Broker, enter, until  # noqa: E402

SAVE_EVERY, KILL_EVERY, WEIGH_EVERY = 0.7, 20.0, 2.0  # seconds
GROWTH = 1.1  # of the memory from the second quarter to the last, at most
PERCENTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Shop:
    """A running shop."""

    folder: Path
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
            faults = _shop(shop, seconds, shoppers)
        faults += [*_lost(shop), *_memory(shop)]
    print("\n".join(faults) or "no fault")
    raise SystemExit(bool(faults))


def _opened(stack: ExitStack) -> Shop:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    broker = stack.enter_context(Broker(folder / "redis.log"))
    pictures = stack.enter_context(_pictures(folder / "pictures"))
    environment = _environment(folder, broker.url, pictures)
    Path(environment["GONE"]).touch()
    _manage(environment, "migrate", "-v0")
    clerks = ProcessPoolExecutor(
        1, get_context("spawn"), initializer=enter, initargs=(environment,)
    )
    stack.enter_context(clerks)
    with _worker(folder, environment):
        clerks.submit(clerk.stock).result()
        until(lambda: clerks.submit(clerk.waiting).result(), lambda left: not left, 120)
    _manage(environment, "build_embeddings")
    port = _free_port()
    command = ["gunicorn", "--config=python:visualsearch.gunicorn", f"--bind=127.0.0.1:{port}"]
    web = stack.enter_context(_process(folder, environment, *command))
    for _ in range(20):  # so that either process has its network and its index
        until(partial(_is_ready, f"http://127.0.0.1:{port}"), bool, 60)
    return Shop(folder, environment, clerks, f"http://127.0.0.1:{port}", web.pid)


def _environment(folder: Path, broker: str, pictures: str) -> dict[str, str]:
    ours = {
        "DJANGO_SETTINGS_MODULE": "visualsearch.settings",
        "VAR_DIR": str(folder / "var"),
        "MODEL_DIR": os.environ.get("MODEL_DIR", str(ROOT / "var" / "models")),
        "EMBEDDER": "efficientnet_lite0",
        "SECRET_KEY": "of both web processes",
        "CELERY_BROKER_URL": broker,
        "CACHE_URL": broker.removesuffix("0") + "1",
        "FETCH_ALLOWED_HOSTS": pictures.removeprefix("http://"),
        "WEB_CONCURRENCY": "2",
        "MALLOC_MMAP_THRESHOLD_": "1048576",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(ROOT),
        "PICTURES": pictures,
        "GONE": str(folder / "gone"),
    }
    return os.environ | dict.fromkeys(("MEDIA_ROOT", "SEARCH_RATE", "FETCH_RATE"), "") | ours


def _manage(environment: dict[str, str], *command: str) -> None:
    subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True)  # noqa: S603


@contextmanager
def _process(shop_folder: Path, environment: dict[str, str], *module: str) -> Iterator[Any]:
    """A process in a group of its own, all of which is gone at the end."""
    with (shop_folder / f"{module[0]}.log").open("a") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _worker(folder: Path, environment: dict[str, str]) -> Any:
    command = ("celery", "--app=visualsearch", "worker", "--beat", "--concurrency=2")
    return _process(folder, environment, *command)


@contextmanager
def _pictures(folder: Path) -> Iterator[str]:
    """A server of the photos of the base; its address."""
    folder.mkdir()
    for number in range(clerk.BASE):
        (folder / f"{number}.jpg").write_bytes(clerk.photo(number))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


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
        with _worker(shop.folder, shop.environment):
            end.wait(KILL_EVERY)
        shop.kills.append(monotonic())


def _weigh(shop: Shop, end: Event) -> None:
    """What the web processes hold, in MiB, shared pages counted once."""
    while not end.wait(WEIGH_EVERY):
        children = Path(f"/proc/{shop.web}/task/{shop.web}/children").read_text().split()
        sizes = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in (shop.web, *children)]
        shop.weights.append(sum(int(text.split("Pss:")[1].split()[0]) for text in sizes) / 1024)


def _shop(shop: Shop, seconds: int, shoppers: int) -> list[str]:
    """Let shoppers in, and print what locust counted; what went wrong."""
    command = [sys.executable, "-m", "locust", "--headless", "--json", "--skip-log"]
    command += ["--locustfile=benchmarks/shoppers.py", f"--host={shop.base}"]
    command += [f"--users={shoppers}", "--spawn-rate=2", f"--run-time={seconds}"]
    command += [f"--csv={shop.folder}/shoppers"]
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=shop.environment, stdout=subprocess.PIPE, text=True, check=False
    )
    _tell(json.loads(done.stdout))
    with (shop.folder / "shoppers_failures.csv").open() as failures:
        return [
            f"{row['Occurrences']} x {row['Name']}: {row['Error']}" for row in DictReader(failures)
        ]


def _tell(stats: list[dict[str, Any]]) -> None:
    """Print a line for each kind of request."""
    print(f"{'':10} requests   ", *(f"{share:>6.0%}" for share in PERCENTILES), "   most  (ms)")
    for kind in stats:
        times = sorted((float(time), count) for time, count in kind["response_times"].items())
        shares = (_percentile(times, share) for share in PERCENTILES)
        most = kind["max_response_time"]
        columns = "".join(f" {ms:6.0f}" for ms in (*shares, most))
        print(f"{kind['name']:10} {kind['num_requests']:8}   {columns}")


def _percentile(times: list[tuple[float, int]], share: float) -> float:
    """The time within which this share of the requests was answered."""
    wanted = share * sum(count for _, count in times)
    for time, count in times:
        wanted -= count
        if wanted <= 0:
            return time
    return 0.0


def _lost(shop: Shop) -> Iterator[str]:
    """Products that were saved and that their own photo does not find, once the queue is empty."""
    with _worker(shop.folder, shop.environment):
        until(lambda: shop.clerks.submit(clerk.waiting).result(), lambda left: not left, 120)
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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _is_ready(base: str) -> bool:
    try:
        return requests.get(f"{base}/readyz", timeout=60).ok
    except requests.ConnectionError:
        return False


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
