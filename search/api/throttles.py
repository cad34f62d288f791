"""Limits how often one client may search or have pictures fetched.

DRF's own throttles are not exact: they read and then write their counts, so that two requests at
once may count as one, and a file cache evicts counts at random.
"""

import fcntl
import logging
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from itertools import chain
from math import ceil
from pathlib import Path
from struct import pack, unpack
from time import time
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.request import HttpHeaders
from django.utils.crypto import salted_hmac
from django.utils.translation import ngettext_lazy
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from search.queries.photo_cache import CACHE_ERRORS
from search.queries.photo_cache.redis import connect

logger = logging.getLogger(__name__)

SKETCH_SALT = "search.api.throttles"
ROW_SLOTS = 2**16  # of each of four rows; together 1 MB for each period
PERIODS = {"second": 1, "min": 60, "hour": 60 * 60, "day": 24 * 60 * 60}


class InvalidRate(ValueError):
    """A rate can't be read; the message shows how to write one."""


class TooOften(APIException):
    """The client has to wait for some seconds, which DRF sends as Retry-After."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS

    def __init__(self, sentence: str, wait: int) -> None:
        self.wait = wait
        super().__init__(sentence, "throttled")


@dataclass(frozen=True)
class Rate:
    """A number of requests in a period."""

    times: int
    seconds: int


def rate_of(setting: str) -> Rate | None:
    """The rate that a setting such as "600/min" describes, None for "". Raises InvalidRate."""
    if not setting:
        return None
    times, _, period = setting.partition("/")
    if period not in PERIODS or not re.fullmatch(r"[1-9][0-9]{0,8}", times):
        raise InvalidRate(f"A rate is 1 or more per {', '.join(PERIODS)}, such as 600/min.")
    return Rate(int(times), PERIODS[period])


class SearchThrottle(BaseThrottle):
    """Limits the searches of one client to SEARCH_RATE.

    Counts start again with each minute of the clock (or whatever the rate's period is). So a client
    may send twice as many requests around the turn, and Retry-After is exact. A repeated search
    counts like a new one, because it is ranked again.
    """

    setting = "SEARCH_RATE"
    sentence = ngettext_lazy(
        "You have searched very often just now. Please try again in %(wait)s second.",
        "You have searched very often just now. Please try again in %(wait)s seconds.",
        "wait",
    )

    def allow_request(self, request: HttpRequest | Request, view: Any = None) -> bool:
        """Count a request; return True or raise TooOften.

        Returning False, as DRF's throttles do, would answer with DRF's sentence instead of ours.
        """
        rate = rate_of(getattr(settings, self.setting))
        if rate is None:
            return True
        now = time()
        until = (int(now) // rate.seconds + 1) * rate.seconds
        try:
            times = count(f"{self.setting}:{client_of(request)}", until)
        except CACHE_ERRORS as error:  # a shop that can't count goes on serving
            logger.warning("A request could not be counted: %s", error)
            return True
        if times > rate.times:
            wait = ceil(until - now)
            raise TooOften(self.sentence % {"wait": wait}, wait)
        return True


class FetchThrottle(SearchThrottle):
    """Limits the addresses that one client may have fetched to FETCH_RATE."""

    setting = "FETCH_RATE"
    sentence = ngettext_lazy(
        "You have asked for very many addresses just now. Please try again in %(wait)s second.",
        "You have asked for very many addresses just now. Please try again in %(wait)s seconds.",
        "wait",
    )


class AddressThrottle(FetchThrottle):
    """Limits fetches in API views that take an address or something else: only addresses count."""

    def allow_request(self, request: HttpRequest | Request, view: Any = None) -> bool:
        """Count the request if it gives an address. Raises TooOften."""
        if not isinstance(request, Request) or request.method != "POST":
            return True
        has_address = isinstance(request.data, Mapping) and request.data.get("image_url")
        return not has_address or super().allow_request(request, view)


def check_throttles(request: HttpRequest, *throttles: type[SearchThrottle]) -> None:
    """Count a page's request, as DRF does for the views of the API. Raises TooOften."""
    for throttle in throttles:
        throttle().allow_request(request)


def client_of(request: HttpRequest | Request) -> str:
    """The client that sends a request, as `client_at` names it."""
    return client_at(request.META)


def client_at(environ: Mapping[str, Any]) -> str:
    """The client's address; in IPv6 its network, as each client has 2**64 addresses.

    X-Forwarded-For counts only as far as NUM_PROXIES proxies of ours have written it.
    """
    request = SimpleNamespace(META=environ, headers=HttpHeaders(environ))
    try:
        address = ip_address(BaseThrottle().get_ident(request))  # type: ignore[arg-type]
    except ValueError:  # no proxy of ours wrote that
        return str(environ.get("REMOTE_ADDR", ""))
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))


def count(name: str, until: int) -> int:
    """How often this has been called with this name before `until`, this time included.

    `until` is in seconds since 1970. The count is exact among threads, processes and, in Redis,
    machines; it is kept on disk unless the cache is in Redis. Raises what either raises.

    Strangers choose the number of names, so the counts are a count-min sketch of fixed size
    (Cormode and Muthukrishnan, "An Improved Data Stream Summary", 2005): a name counts in one slot
    of each row, and the smallest counts. It is too high only if other names share all four slots.
    Which names do is a secret.
    """
    digest = salted_hmac(SKETCH_SALT, name, algorithm="sha256").digest()
    slots = [
        row * ROW_SLOTS + slot % ROW_SLOTS for row, slot in enumerate(unpack("!4I", digest[:16]))
    ]
    return (_count_in_redis if settings.CACHE_URL else _count_on_disk)(slots, until)


def _count_in_redis(slots: list[int], until: int) -> int:
    key, increments = f"counts:{until}", (("INCRBY", "u32", f"#{slot}", 1) for slot in slots)
    with connect(settings.CACHE_URL).pipeline() as pipeline:
        pipeline.execute_command("BITFIELD", key, *chain.from_iterable(increments))  # type: ignore[no-untyped-call]
        pipeline.expireat(key, until + 1)
        counts: list[int] = pipeline.execute()[0]
    return min(counts)


def _count_on_disk(slots: list[int], until: int) -> int:
    path = Path(settings.COUNTERS_DIR) / f"{until}.counts"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.iterdir():
            if old.stem.isdecimal() and int(old.stem) < time():
                _remove(old)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # until it is closed
        counts: list[int] = []
        for slot in slots:
            (before,) = unpack("!I", os.pread(descriptor, 4, 4 * slot).ljust(4, b"\0"))
            counts.append(before + 1)
            os.pwrite(descriptor, pack("!I", before + 1), 4 * slot)
        return min(counts)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove counts of the past if that is possible; another process may do the same."""
    if path.is_dir():  # earlier releases kept a file for each name
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
