"""A shop to be measured, in a folder that is thrown away, and its processes."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

from vectors import ROOT, Vectors

BATCH = 2000
# What the owner's own environment and `.env` say of these is none of the measured shop's business.
UNSET = (
    *("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "MEDIA_ROOT", "MEDIA_STORAGE"),
    *("SEARCH_ENGINE", "SEARCH_RATE", "FETCH_RATE"),
)


def new_shop(folder: Path, **settings: str) -> dict[str, str]:
    """Make an empty shop that keeps everything in the folder; its environment."""
    ours = {
        "DJANGO_SETTINGS_MODULE": "visualsearch.settings",
        "VAR_DIR": str(folder),
        "MODEL_DIR": os.environ.get("MODEL_DIR", str(ROOT / "var" / "models")),
        "EMBEDDER": "efficientnet_lite0",
        "MALLOC_MMAP_THRESHOLD_": "1048576",  # as `make run` has it
        "TMPDIR": str(folder),  # for what a killed process leaves behind
    }
    environment = os.environ | dict.fromkeys(UNSET, "") | ours | settings
    manage(environment, "migrate", "-v0")
    return environment


def manage(environment: dict[str, str], *command: str) -> None:
    """Run a command of the shop's `manage.py`."""
    subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True)  # noqa: S603


def enter(environment: dict[str, str]) -> None:
    """Become a process of the shop."""
    os.environ.update(environment)
    import django

    django.setup()


def clerks(environment: dict[str, str]) -> ProcessPoolExecutor:
    """One process of the shop, for what is done to its products."""
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=enter, initargs=(environment,))


def fill(rows: Vectors) -> float:
    """Create a product for each vector, whose picture nobody will ask for; in how many seconds.

    Each has a price of its own: the first a cent, the second two. To be called in the shop.
    """
    from catalog.models import Category, Product
    from catalog.serving import serving_embedder
    from catalog.vectors import to_bytes

    identity = serving_embedder().identity
    started = perf_counter()
    category = Category.objects.create(name="All")
    products = (
        Product(
            sku=str(number),
            name=f"Product {number}",
            category=category,
            price=Decimal(number + 1) / 100,
            image=f"products/{number}.jpg",
            embedding=to_bytes(row),
            embedder=identity,
            embedding_status="ready",
        )
        for number, row in enumerate(rows)
    )
    while batch := list(islice(products, BATCH)):
        Product.objects.bulk_create(batch)
    return perf_counter() - started


@dataclass(frozen=True)
class Server:
    """A running gunicorn."""

    port: int
    pid: int
    started: float  # by `perf_counter`


@contextmanager
def serve(environment: dict[str, str]) -> Iterator[Server]:
    """A server on a free port of this machine, as `make run` starts it."""
    port, started = free_port(), perf_counter()
    options = ("--config=python:visualsearch.gunicorn", "--log-level=warning")
    with run(environment, "gunicorn", *options, f"--bind=127.0.0.1:{port}") as pid:
        yield Server(port, pid, started)


@contextmanager
def run(environment: dict[str, str], *module: str) -> Iterator[int]:
    """A process in a group of its own, all of which is gone at the end; its id."""
    with (Path(environment["VAR_DIR"]) / f"{module[0]}.log").open("a") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def memory(pid: int) -> float:
    """What a process and its children hold, in MiB, shared pages counted once."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    sizes = [Path(f"/proc/{each}/smaps_rollup").read_text() for each in (pid, *children)]
    return sum(int(text.split("Pss:")[1].split()[0]) for text in sizes) / 1024
