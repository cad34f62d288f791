"""Counting, exact among threads, processes and, in Redis, machines."""

import shutil
from hashlib import sha256
from pathlib import Path
from time import time

from django.conf import settings
from django.core.cache import cache


def count(name: str, until: int) -> int:
    """How often this has been called, this time included, until then (seconds since 1970).

    On disk unless the cache is in Redis. Raises what either does in trouble.
    """
    return _count_in_cache(name, until) if settings.CACHE_URL else _count_on_disk(name, until)


def _count_in_cache(name: str, until: int) -> int:
    key = f"count:{until}:{name}"
    try:
        return int(cache.incr(key))
    except ValueError:  # there is none yet
        return 1 if cache.add(key, 1, until - time() + 1) else int(cache.incr(key))


def _count_on_disk(name: str, until: int) -> int:
    """A byte appended for each call: POSIX has `write` move to the end and tell where that was.

    Django's cache on disk reads and then writes, so that of two at once only one would count, and
    it drops entries at random where it has many.
    """
    folder = Path(settings.COUNTERS_DIR) / str(until)
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _remove_old(folder.parent)
    with (folder / sha256(name.encode()).hexdigest()).open("ab", buffering=0) as file:
        file.write(b".")
        return file.tell()


def _remove_old(folder: Path) -> None:
    for old in folder.iterdir():
        if int(old.name) < time():
            shutil.rmtree(old, ignore_errors=True)  # another process may be at it, too
