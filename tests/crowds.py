"""Clients that claim slots, each claim in a thread of its own, as requests are."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Event

from catalog.pictures.slots import Busy, Slots
from tests.waiting import PATIENCE, until


class Crowd:
    """Claims of slots, one after another."""

    def __init__(self, slots: Slots, stack: ExitStack) -> None:
        self.granted: list[str] = []  # clients, in the order in which they got their slots
        self.refused: list[Busy] = []
        self._slots, self._stack = slots, stack
        self._claims: list[tuple[Event, Future[None]]] = []

    def claim(self, client: str, target: str = "") -> None:
        """Claim a slot, and wait until the claim is granted, refused or queued."""
        pool = self._stack.enter_context(ThreadPoolExecutor(1))
        leave = Event()
        self._claims.append((leave, pool.submit(self._hold, client, target, leave)))
        until(lambda: self._settled() == len(self._claims))

    def leave(self, number: int) -> None:
        """Give up the slot of one of the claims, counted from 0, and wait until it is passed on."""
        leave, done = self._claims[number]
        leave.set()
        done.result(PATIENCE)
        until(lambda: self._settled() == len(self._claims))

    def disperse(self) -> None:
        """Give up all slots, and those that are granted from now on."""
        for leave, _ in self._claims:
            leave.set()

    def _hold(self, client: str, target: str, leave: Event) -> None:
        try:
            with self._slots.one(client, target):
                self.granted.append(client)
                leave.wait(PATIENCE)
        except Busy as busy:
            self.refused.append(busy)

    def _settled(self) -> int:
        queued = sum(map(len, tuple(self._slots.queues.values())))
        return len(self.granted) + len(self.refused) + queued


@contextmanager
def crowd(slots: Slots, *clients: str) -> Iterator[Crowd]:
    """The claims of these clients, and further ones; all slots are free again at the end."""
    with ExitStack() as stack:
        together = Crowd(slots, stack)
        try:
            for client in clients:
                together.claim(client)
            yield together
        finally:
            together.disperse()
