"""Shares what is costly, such as decoding a picture, among the clients of this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Event, Lock, get_ident

from catalog.messages import sentence

STAFF = "staff"  # all of them as one client; no address is called that
OWN = sentence("Earlier requests are still being worked on. Please try again in a few seconds.")
OTHERS = sentence("The shop is very busy just now. Please try again in a few seconds.")


class Busy(Exception):
    """No slot became free in time; the message is a sentence for the client.

    `own` is True if the client's own requests held all that one client may hold.
    """

    wait = 5  # seconds after which to try again, for Retry-After

    def __init__(self, *, own: bool) -> None:
        super().__init__(OWN if own else OTHERS)
        self.own = own
        self.status = HTTPStatus.TOO_MANY_REQUESTS if own else HTTPStatus.SERVICE_UNAVAILABLE


@dataclass(frozen=True, eq=False)
class Claim:
    """A thread that has a slot or waits for one."""

    client: str
    target: str
    thread: int = field(default_factory=get_ident)
    granted: Event = field(default_factory=Event)


class Slots:
    """Limits how many threads of this process do something costly at once, and shares it fairly.

    A client holds at most `per_client` slots. All clients together hold at most `per_target` slots
    for the same target, such as a slow server. A claim waits for up to `patience` seconds. Each
    client has at most `waiting` such claims, and clients with waiting claims take turns.
    """

    def __init__(
        self,
        number: int,
        *,
        per_client: int,
        waiting: int,
        patience: float,
        per_target: int | None = None,
    ) -> None:
        self.number, self.per_client, self.waiting = number, per_client, waiting
        self.patience = patience
        self.per_target = number if per_target is None else per_target
        self._lock = Lock()
        self.held: list[Claim] = []  # at most `number`
        self.queues: dict[str, list[Claim]] = {}  # by client, whose turn it is first

    @contextmanager
    def one(self, client: str, target: str = "") -> Iterator[None]:
        """Hold a slot. A thread that holds one of these already needs no other. Raises Busy."""
        if any(claim.thread == get_ident() for claim in tuple(self.held)):
            yield
            return
        claim = self._granted(Claim(client, target))
        try:
            yield
        finally:
            with self._lock:
                self.held.remove(claim)
                self._grant()

    def _granted(self, claim: Claim) -> Claim:
        """Wait for a slot. Raises Busy."""
        with self._lock:
            queue = self.queues.setdefault(claim.client, [])
            queue.append(claim)
            self._grant()
            has_room = len(queue) <= self.waiting
        if has_room and claim.granted.wait(self.patience):
            return claim
        with self._lock:
            if claim.granted.is_set():
                return claim
            queue = self.queues[claim.client]
            queue.remove(claim)
            if not queue:
                del self.queues[claim.client]
            raise Busy(own=self._holds(claim.client) >= self.per_client)

    def _grant(self) -> None:
        """Give free slots to waiting claims. A client that gets one goes behind the others."""
        while claim := self._next():
            queue = self.queues.pop(claim.client)
            queue.remove(claim)
            if queue:
                self.queues[claim.client] = queue
            self.held.append(claim)
            claim.granted.set()

    def _next(self) -> Claim | None:
        if len(self.held) == self.number:
            return None
        waiting = (
            claim
            for client, queue in self.queues.items()
            if self._holds(client) < self.per_client
            for claim in queue
        )
        return next((claim for claim in waiting if self._is_reachable(claim.target)), None)

    def _holds(self, client: str) -> int:
        return sum(claim.client == client for claim in self.held)

    def _is_reachable(self, target: str) -> bool:
        return not target or sum(held.target == target for held in self.held) < self.per_target


# Decoding some pictures takes 400 MB and two seconds. While one client has such pictures decoded,
# the other slot is left to everybody else.
DECODING = Slots(2, per_client=1, waiting=8, patience=5)
