"""Shoppers' photos and their vectors, as files that go when their time is up."""

import pickle
import threading
from pathlib import Path
from random import randrange
from time import sleep
from typing import IO, TYPE_CHECKING, Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.filebased import FileBasedCache

SWEEP = 60  # seconds between two looks for photos whose time is up

_sweeping: set[str] = set()  # folders
_lock = threading.Lock()


class PhotoFiles(FileBasedCache):
    """Django's file cache for values that are bytes, but for three things.

    It writes them as they are: a photo gets no smaller, and trying takes 15 ms. It removes what has
    expired by itself: nobody may ever come back for a photo, which shall not stay for that. And it
    looks now and then whether there are too many, as listing them takes longer than writing one:
    there may be a few more than MAX_ENTRIES, one in a hundred or so.
    """

    if TYPE_CHECKING:  # what the stubs leave out
        _dir: str
        _max_entries: int

        def _list_cache_files(self) -> list[str]: ...
        def _key_to_file(self, key: Any, version: int | None) -> str: ...
        def _is_expired(self, file: IO[bytes]) -> bool: ...

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        super().set(key, value, timeout, version)
        with _lock:
            if self._dir in _sweeping:
                return
            _sweeping.add(self._dir)
        threading.Thread(target=self._sweep, name="photos", daemon=True).start()

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            with open(self._key_to_file(key, version), "rb") as file:
                return default if self._is_expired(file) else file.read()
        except FileNotFoundError:
            return default

    def _write_content(self, file: IO[bytes], timeout: Any, value: bytes) -> None:
        file.write(pickle.dumps(self.get_backend_timeout(timeout), self.pickle_protocol))
        file.write(value)

    def _cull(self) -> None:
        if not randrange(1 + self._max_entries // 100):  # noqa: S311, nothing secret
            super()._cull()  # type: ignore[misc]  # the stubs leave it out

    def _sweep(self) -> None:
        """Remove what has expired, now and then, until nothing is left."""
        while True:
            sleep(SWEEP)
            for name in self._list_cache_files():
                self._remove_if_expired(Path(name))
            with _lock:
                if not self._list_cache_files():
                    _sweeping.discard(self._dir)
                    return

    def _remove_if_expired(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self._is_expired(file)  # which removes it if so
        except (OSError, EOFError, pickle.UnpicklingError):  # gone, or torn: it will be culled
            path.unlink(missing_ok=True)
