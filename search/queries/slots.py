"""Limits how many threads of this process do something costly at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore


class Busy(Exception):
    """No slot became free in time; the message is a sentence for the shopper."""


class Slots:
    """A number of slots. Who has waited `patience` seconds for one gives up."""

    def __init__(self, number: int, *, patience: float) -> None:
        self.patience = patience
        self._free = BoundedSemaphore(number)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot. Raises Busy."""
        if not self._free.acquire(timeout=self.patience):
            raise Busy("Too many are searching just now. Please try again in a few seconds.")
        try:
            yield
        finally:
            self._free.release()
