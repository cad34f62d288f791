"""What is kept of a search for an hour, so that it can be repeated: its photo and its vectors.

Photos, vectors and addresses go through `_set`; a limit on bytes belongs there.
"""

import logging
import os
import pickle
import zlib
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import randrange
from threading import Thread
from time import sleep, time
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.utils.crypto import salted_hmac
from redis import RedisError

from catalog.files import replace_file

logger = logging.getLogger(__name__)

QUERY_SECONDS = 60 * 60  # how long a query can be repeated
FETCH_SECONDS = 5 * 60  # after its last use, how long an address is not fetched again
ADDRESS_SALT = "search.queries.photo_cache"
SWEEP_SECONDS = 60  # between two sweeps of the folder with photos
CHECKSUM_BYTES = 4
# What a full disk, a damaged file and a Redis server that is down raise.
CACHE_ERRORS = (OSError, zlib.error, pickle.UnpicklingError, EOFError, RedisError)


def keep(key: str, data: bytes) -> None:
    """Keep the bytes of a photo or a vector."""
    _set("pictures", key, data)


def kept(key: str) -> bytes:
    """The bytes kept under this key, b"" if there are none."""
    return _get("pictures", key) or b""


def keep_address(url: str, query_id: str) -> None:
    """Keep the id of the query whose photo was just fetched from this address."""
    _set("default", _address_key(url), query_id.encode(), FETCH_SECONDS)


def kept_address(url: str) -> str:
    """The id of the query whose photo was recently fetched from this address, "" if none was."""
    return (_get("default", _address_key(url)) or b"").decode()


def is_first(key: str) -> bool:
    """Whether this key was not seen within the last hour; False if the cache can't tell."""
    try:
        return caches["default"].add(f"first:{key}", 1, QUERY_SECONDS)
    except CACHE_ERRORS:
        logger.exception("The cache can't tell whether this was searched before.")
        return False


def _address_key(url: str) -> str:
    return "address:" + salted_hmac(ADDRESS_SALT, url, algorithm="sha256").hexdigest()


def _set(name: str, key: str, data: bytes, seconds: int = QUERY_SECONDS) -> None:
    """Errors are only logged: an answer that can't be repeated is better than none."""
    try:
        caches[name].set(key, data, seconds)
    except CACHE_ERRORS:
        logger.exception("A query could not be kept.")


def _get(name: str, key: str) -> bytes | None:
    try:
        data = caches[name].get(key)
    except CACHE_ERRORS:
        logger.exception("A query could not be read back.")
        return None
    return data if isinstance(data, bytes) else None


class PhotoFiles(BaseCache):
    """Stores bytes: one file per key, whose modification time is the moment it expires.

    Django's own file cache compresses, which takes 15 ms and makes no photo smaller; it deletes
    an expired file only when somebody asks for it, and evicts at random.
    """

    def __init__(self, folder: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._folder = Path(folder)
        self._max_files = int(params["OPTIONS"]["MAX_ENTRIES"])

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            with self._path(key, version).open("rb") as file:
                if os.fstat(file.fileno()).st_mtime <= time():
                    return default
                checksum, data = file.read(CHECKSUM_BYTES), file.read()
        except FileNotFoundError:
            return default
        is_whole = checksum == _checksum(data)
        return data if is_whole else default

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Keep these bytes. A timeout of None, which means for ever, is refused."""
        expires = float(self.get_backend_timeout(timeout))  # type: ignore[arg-type]
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not synced: a photo that a power cut tears is only missing from the cache.
        with replace_file(self._path(key, version), sync=False) as aside:
            aside.write_bytes(_checksum(value) + value)
            os.utime(aside, (expires, expires))
        # To list the folder takes longer than to write a file. It is listed once in a while, so
        # that the folder may exceed its limit by about a hundredth.
        if not randrange(1 + self._max_files // 100):  # noqa: S311, nothing secret
            _remove_surplus(self._folder, self._max_files)
        start_sweeping(self._folder)

    def delete(self, key: Any, version: int | None = None) -> bool:
        try:
            self._path(key, version).unlink()
        except FileNotFoundError:
            return False
        return True

    def clear(self) -> None:
        for _, path in _files(self._folder):
            path.unlink(missing_ok=True)

    def _path(self, key: Any, version: int | None) -> Path:
        name = self.make_and_validate_key(key, version=version)
        return self._folder / sha256(name.encode()).hexdigest()


@cache  # once per process and folder; state that outlives a request, as a thread does
def start_sweeping(folder: Path) -> None:
    """Delete expired files from now on: nobody may ever ask for a photo again."""
    Thread(target=_sweep, args=(folder,), name="photos", daemon=True).start()


def _sweep(folder: Path) -> None:
    while True:
        sleep(SWEEP_SECONDS)
        # A file that is being written has no expiry yet, and looks as if it expired just now.
        deadline = time() - SWEEP_SECONDS
        with suppress(OSError):  # a full or failing disk may recover
            for expires, path in _files(folder):
                if expires < deadline:
                    path.unlink(missing_ok=True)


def _remove_surplus(folder: Path, most: int) -> None:
    """Delete the files that expire first, down to this number of them."""
    now = time()
    live = sorted((expires, path) for expires, path in _files(folder) if expires > now)
    for _, path in live[: max(0, len(live) - most)]:
        path.unlink(missing_ok=True)


def _files(folder: Path) -> list[tuple[float, Path]]:
    """The files of a folder, each with the moment it expires."""
    files = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:  # there is no folder yet
        for entry in entries:
            with suppress(FileNotFoundError):  # another process deleted it
                files.append((entry.stat().st_mtime, Path(entry.path)))
    return files


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(CHECKSUM_BYTES, "big")
