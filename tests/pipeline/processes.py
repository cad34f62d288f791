"""The processes a shop consists of, as real ones: a broker and its workers."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import django
import redis

from tests.tools import REDIS
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]


def enter(environment: dict[str, str]) -> None:
    """Become a process of the shop that has this environment."""
    os.environ.update(environment)
    django.setup()


def _enter_together(environment: dict[str, str], barrier: Barrier) -> None:
    enter(environment)
    barrier.wait(PATIENCE)


@contextmanager
def shop_processes(count: int, environment: dict[str, str]) -> Iterator[ProcessPoolExecutor]:
    """So many processes of one shop, which begin to work at the same time."""
    spawn = get_context("spawn")
    initial = (environment, spawn.Barrier(count))
    with ProcessPoolExecutor(count, spawn, _enter_together, initial) as processes:
        yield processes


class Broker:
    """A Redis server that keeps nothing on disk, always on the same port."""

    def __init__(self, log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._log = log
        self._client = redis.Redis(port=self.port)

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self.stop()

    def start(self) -> None:
        command = [str(REDIS.found), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        until(self._answers)

    def stop(self) -> None:
        self.thaw()
        self._process.kill()
        self._process.wait()

    def restart_empty(self) -> None:
        """Lose all that it had in memory; on disk it keeps nothing."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """From now on it accepts connections and never answers."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def clear(self) -> None:
        self._client.flushall()

    def queued(self) -> int:
        """How many messages no worker has taken."""
        return int(self._client.llen("celery"))

    def _answers(self) -> bool:
        try:
            return bool(self._client.ping())
        except redis.ConnectionError:
            return False


class Worker:
    """`celery worker --beat` with a pool of processes, all in a process group of their own."""

    def __init__(self, environment: dict[str, str], log: Path, *, concurrency: int = 2) -> None:
        command = [sys.executable, "-m", "celery", "--app", "visualsearch", "worker", "--beat"]
        command += [f"--concurrency={concurrency}", "--include=tests.pipeline.saboteur"]
        with log.open("a") as file:
            self._process = subprocess.Popen(  # noqa: S603
                [*command, "--loglevel=INFO"],
                cwd=ROOT,
                env=environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill the worker, its children and its beat, at once and without a word."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
