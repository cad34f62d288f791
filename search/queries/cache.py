"""What is kept of a search for an hour, so that it can be repeated: its photo and its vectors.

Everything kept goes through `_set`; a limit on bytes, in total or per client, belongs there.
"""

import logging
import pickle
import zlib

from django.core.cache import caches
from django.utils.crypto import salted_hmac
from redis import RedisError

logger = logging.getLogger(__name__)

QUERY_SECONDS = 60 * 60  # how long a query can be repeated
FETCH_SECONDS = 5 * 60  # how long a fetched address is not fetched again
ADDRESS_SALT = "search.queries.cache"
# What a full disk, a damaged file and a Redis server that is down raise.
CACHE_ERRORS = (OSError, zlib.error, pickle.UnpicklingError, EOFError, RedisError)


def keep_vector(key: str, data: bytes) -> None:
    """Keep the bytes of a query's vector."""
    _set("pictures", f"vector:{key}", data)


def kept_vector(key: str) -> bytes:
    """The bytes of the vector kept under this key, b"" if there are none."""
    return _get("pictures", f"vector:{key}") or b""


def keep_photo(key: str, data: bytes) -> None:
    """Keep the bytes of a photo, or of a smaller copy of one."""
    _set("pictures", f"picture:{key}", data)


def kept_photo(key: str) -> bytes:
    """The bytes of the photo kept under this key, b"" if there are none."""
    return _get("pictures", f"picture:{key}") or b""


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
