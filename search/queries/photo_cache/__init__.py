"""What is kept of a search for an hour, so that it can be repeated: its photo and its vectors.

Strangers decide how much that is, so it has a budget in bytes, for all of them together and for
each client. It is kept on disk, or in Redis if CACHE_URL names one.
"""

import logging
import zlib
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from struct import Struct
from threading import Thread
from time import sleep, time
from typing import Protocol

from django.conf import settings
from django.utils.crypto import salted_hmac
from redis import RedisError

from search.queries.photo_cache.files import PhotoFiles
from search.queries.photo_cache.redis import PhotosInRedis

__all__ = [
    "CACHE_ERRORS",
    "Kept",
    "Store",
    "is_first",
    "keep",
    "keep_address",
    "kept",
    "kept_address",
    "start_sweeping",
    "store",
    "sweep",
]

logger = logging.getLogger(__name__)

QUERY_SECONDS = 60 * 60  # how long a query can be repeated
FETCH_SECONDS = 5 * 60  # after it was fetched, how long an address is not fetched again
SWEEP_SECONDS = 60  # between two removals of what has expired
SALT = "search.queries.photo_cache"
HEAD = Struct("!Id")  # before each entry: the checksum of what follows, and when it expires
# What a full disk, a damaged file and a Redis server that is full or down raise.
CACHE_ERRORS = (OSError, RedisError)


class Store(Protocol):
    """Keeps named entries of bytes within a budget for all clients and a share of it for each.

    If a client exceeds its share, its own oldest entries go. If all together exceed the budget, the
    oldest entries of the client that holds the most go; holdings are compared in steps of a 128th
    of the budget, and among equals the client that came first loses. So a flood displaces itself,
    and among ordinary clients the oldest entries go. All methods raise CACHE_ERRORS.
    """

    def put(self, name: str, data: bytes, *, client: str, expires: float, now: float) -> None:
        """Keep these bytes, instead of what had the name before."""

    def get(self, name: str) -> bytes:
        """The bytes of this name, b"" if there are none. They may be damaged or expired."""

    def sweep(self, now: float) -> None:
        """Remove what has expired, and what a killed process left behind."""


@dataclass(frozen=True)
class Kept:
    """Bytes that were kept."""

    data: bytes
    expires: float  # seconds since 1970


def store() -> Store:
    """The store that the settings name."""
    budget, share, reserve = (
        int(megabytes * 2**20)
        for megabytes in (
            settings.KEPT_PHOTOS_MB,
            min(settings.KEPT_PHOTOS_CLIENT_MB, settings.KEPT_PHOTOS_MB),
            settings.DISK_RESERVE_MB,
        )
    )
    return _store(settings.CACHE_URL, Path(settings.PHOTOS_DIR), budget, share, reserve)


def keep(key: str, data: bytes, *, client: str, expires: float | None = None) -> float:
    """Keep bytes for a client until `expires`, by default for an hour; return that time.

    Errors are only logged: an answer that can't be repeated is better than none.
    """
    now = time()
    expires = now + QUERY_SECONDS if expires is None else expires
    rest = HEAD.pack(0, expires)[4:] + data
    entry = zlib.crc32(rest).to_bytes(4, "big") + rest
    # Neither the names of clients nor the ids of queries, which open photos, are stored.
    holder = salted_hmac(SALT, client, algorithm="sha256").hexdigest()[:16]
    try:
        store().put(_name(key), entry, client=holder, expires=expires, now=now)
    except CACHE_ERRORS as error:
        logger.warning("A query could not be kept: %s", error)
    return expires


def kept(key: str) -> Kept | None:
    """What is kept under this key, None if there is nothing, or if it is damaged or expired."""
    try:
        entry = store().get(_name(key))
    except CACHE_ERRORS as error:
        logger.warning("A query could not be read back: %s", error)
        return None
    if len(entry) < HEAD.size:
        return None
    checksum, expires = HEAD.unpack_from(entry)
    is_valid = checksum == zlib.crc32(entry[4:]) and expires > time()
    return Kept(entry[HEAD.size :], expires) if is_valid else None


def keep_address(url: str, query_id: str, *, client: str) -> None:
    """Keep the id of the query whose photo was just fetched from this address for a client."""
    expires = time() + FETCH_SECONDS
    keep(_address_key(url, client), query_id.encode(), client=client, expires=expires)


def kept_address(url: str, *, client: str) -> str:
    """The id of the query whose photo was lately fetched from there for this client, or ""."""
    entry = kept(_address_key(url, client))
    return entry.data.decode() if entry else ""


def is_first(key: str, *, client: str) -> bool:
    """Whether this key of a client was not seen within the last hour."""
    if kept(f"first:{key}"):
        return False
    keep(f"first:{key}", b"", client=client)
    return True


def sweep() -> None:
    """Remove what has expired. Raises CACHE_ERRORS."""
    store().sweep(time())


@cache  # one thread in each process
def start_sweeping() -> None:
    """Remove what has expired every minute from now on, even if nobody searches."""
    Thread(target=_sweep_for_ever, name="photos", daemon=True).start()


def _sweep_for_ever() -> None:
    while True:
        try:
            sweep()
        except CACHE_ERRORS as error:  # a full disk or a Redis that is down may recover
            logger.warning("Expired photos could not be removed: %s", error)
        sleep(SWEEP_SECONDS)


def _name(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:40]


def _address_key(url: str, client: str) -> str:
    return f"address:{client}:{url}"


@cache
def _store(url: str, folder: Path, budget: int, share: int, reserve: int) -> Store:
    if url:
        return PhotosInRedis(url, budget=budget, share=share)
    return PhotoFiles(folder, budget=budget, share=share, reserve=reserve)
