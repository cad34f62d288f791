"""What is remembered of a search for an hour: its vectors, and its photo."""

import logging
import pickle
import zlib
from typing import Any

from django.core.cache import BaseCache, caches
from django.utils.crypto import salted_hmac
from redis import RedisError

logger = logging.getLogger(__name__)

LIFETIME = 60 * 60  # seconds that a query can be asked again
FETCHED_FOR = 5 * 60  # seconds in which an address that was fetched is not fetched again
# What a full disk, a torn file and a Redis that is down raise.
CACHE_TROUBLE = (OSError, zlib.error, pickle.UnpicklingError, EOFError, RedisError)


def remember_vector(key: str, data: bytes) -> None:
    """Keep the bytes of a query's vector."""
    _set("pictures", f"vector:{key}", data)


def recall_vector(key: str) -> bytes:
    """The bytes that were kept under this key, b"" if there are none."""
    return _recalled(f"vector:{key}")


def remember_photo(key: str, data: bytes) -> None:
    """Keep the bytes of a photo, or of a small copy of one."""
    _set("pictures", f"picture:{key}", data)


def recall_photo(key: str) -> bytes:
    """The bytes that were kept under this key, b"" if there are none."""
    return _recalled(f"picture:{key}")


def remember_address(url: str, query_id: str) -> None:
    """Keep which query the photo behind an address was."""
    _set("default", _address_key(url), query_id, FETCHED_FOR)


def recall_address(url: str) -> str:
    """The id of the query that the photo behind this address was just now, "" if none was."""
    found = _get("default", _address_key(url))
    return found if isinstance(found, str) else ""


def is_first(key: str) -> bool:
    """Whether this was not asked with the same key within an hour; False if that can't be told."""
    try:
        return _cache("default").add(f"first:{key}", 1, LIFETIME)
    except CACHE_TROUBLE:
        logger.exception("It can't be told what was searched before.")
        return False


def _address_key(url: str) -> str:
    return "address:" + salted_hmac("search.queries.cache", url, algorithm="sha256").hexdigest()


def _recalled(key: str) -> bytes:
    data = _get("pictures", key)
    return data if isinstance(data, bytes) else b""


def _set(name: str, key: str, value: object, seconds: int = LIFETIME) -> None:
    """An answer that can't be asked for again is better than none: trouble is logged."""
    try:
        _cache(name).set(key, value, seconds)
    except CACHE_TROUBLE:
        logger.exception("A query could not be kept.")


def _get(name: str, key: str) -> Any:
    try:
        return _cache(name).get(key)
    except CACHE_TROUBLE:
        logger.exception("A query could not be read back.")
        return None


def _cache(name: str) -> BaseCache:
    return caches[name]
