"""How many threads of this process may do something costly at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore


class Busy(Exception):
    """No slot came free in time; the message is a sentence for who waited."""


class Slots:
    """So many at once; who has waited for `patience` seconds goes without."""

    def __init__(self, number: int, *, patience: float) -> None:
        self.number = number
        self._patience = patience
        self._free = BoundedSemaphore(number)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot. Raises Busy."""
        if not self._free.acquire(timeout=self._patience):
            raise Busy("Too many are searching just now. Please try again in a few seconds.")
        try:
            yield
        finally:
            self._free.release()
