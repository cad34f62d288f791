"""What a test may do with the shop's processes."""

from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from tests.pipeline import clerk
from tests.pipeline.processes import Broker, Worker
from tests.waiting import PATIENCE, until

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Shop:
    """One shop, used by one test after another."""

    folder: Path
    environment: dict[str, str]
    broker: Broker
    clerks: ProcessPoolExecutor  # of one process
    closing: ExitStack

    @property
    def sabotage(self) -> Path:
        return self.folder / "sabotage"

    @property
    def log(self) -> Path:
        """What its workers say."""
        return self.folder / "worker.log"

    def ask(
        self,
        act: Callable[Arguments, Answer],
        *args: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Answer:
        """Have the clerk do something."""
        return self.clerks.submit(act, *args, **options).result(PATIENCE)

    def start_worker(self, *, concurrency: int = 2) -> Worker:
        worker = Worker(self.environment, self.log, concurrency=concurrency)
        self.closing.callback(worker.kill)
        return worker

    def order(self, seed: int, what: str) -> Path:
        """Have the picture of this seed "kill" or "hold" who opens it, until the file is gone."""
        order = self.sabotage / self.ask(clerk.stored_digest, seed)
        order.write_text(what)
        return order

    def opened(self, seed: int) -> list[int]:
        """The ids of the processes that opened the picture of this seed, one after the other."""
        digest = self.ask(clerk.stored_digest, seed)
        lines = map(str.split, (self.sabotage / "opened").read_text().splitlines())
        return [int(pid) for opened, pid in lines if opened == digest]

    def wait_until_opened(self, seed: int, *, times: int = 1) -> int:
        """The id of the process that is working on the picture."""
        return until(lambda: self.opened(seed), lambda pids: len(pids) >= times)[-1]

    def wait_until_well(self, *, gone: Collection[int] = (), ask_for: int = 20) -> None:
        """Until every picture has its vector or says why not, and search finds just those."""

        def complaints() -> list[str]:
            return self.ask(clerk.complaints, gone, ask_for=ask_for)

        until(complaints, lambda wrong: not wrong)
