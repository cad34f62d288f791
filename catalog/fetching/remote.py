"""Fetches pictures and feeds from the addresses that people and files give."""

from base64 import b64encode
from collections.abc import Callable
from typing import BinaryIO

from django.conf import settings

from catalog.fetching.fetcher import Answer, FetchLimits, fetch, host_names
from catalog.fetching.hosts import HostHeaders
from catalog.pictures.stored import image_limits

# The only ones of FETCH_HEADERS that are sent for a stranger: they say where a picture is shown. A
# token among the others would let strangers see what only the shop may.
OPEN_HEADERS = frozenset({"referer", "origin"})
FEED_STALL_SECONDS = 60.0  # in which a feed's server must go on; some make the file when asked


def fetch_picture(url: str) -> bytes:
    """The bytes at an address that a shopper gave, a picture or not. Raises FetchError."""
    headers = {
        host: {name: value for name, value in own.items() if name.lower() in OPEN_HEADERS}
        for host, own in settings.FETCH_HEADERS.items()
    }
    return _fetch(url, headers).body


def fetch_catalog_picture(url: str, validator: str = "") -> Answer:
    """What is at the address of one of the shop's own pictures. Raises FetchError.

    With the validator of an earlier answer, the picture is sent only if it has changed.
    """
    return _fetch(url, settings.FETCH_HEADERS, validator)


def fetch_feed(
    url: str,
    file: BinaryIO,
    *,
    user: str = "",
    password: str = "",
    validator: str = "",
    on_read: Callable[[int, int], object] | None = None,
) -> Answer:
    """Write the file at an address to `file`, which is whole once this returns.

    Raises FetchError, and OSError if it can't be written. A name and a password go to the host of
    the address alone, not to one that it redirects to. See `fetch` for the other options.
    """
    names = host_names(url)
    host_headers = dict(settings.FETCH_HEADERS)
    if user or password:
        pair = b64encode(f"{user}:{password}".encode()).decode()
        own = {"Authorization": f"Basic {pair}"}
        for name in reversed(names):  # the most precise one last
            own = {**host_headers.get(name, {}), **own}
        host_headers |= dict.fromkeys(names, own)
    return fetch(
        url,
        limits=FetchLimits(
            seconds=settings.FEED_MAX_MINUTES * 60,
            max_bytes=round(settings.FEED_MAX_MB * 2**20),
            stall_seconds=FEED_STALL_SECONDS,
        ),
        allowed_hosts=tuple(settings.FETCH_ALLOWED_HOSTS),
        headers={
            "User-Agent": settings.FETCH_USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "gzip",
        },
        host_headers=host_headers,
        validator=validator,
        into=file,
        on_read=on_read,
    )


def _fetch(url: str, host_headers: HostHeaders, validator: str = "") -> Answer:
    limits = image_limits()
    # Servers that offer a picture in several formats choose one of these. The others are last, as
    # the gate looks at the bytes, and many servers send a picture under a false type.
    types = [f"image/{name.lower()}" for name in limits.formats]
    return fetch(
        url,
        limits=FetchLimits(max_bytes=limits.bytes),
        allowed_hosts=tuple(settings.FETCH_ALLOWED_HOSTS),
        headers={
            "User-Agent": settings.FETCH_USER_AGENT,
            "Accept": ",".join([*types, "*/*;q=0.1"]),
        },
        host_headers=host_headers,
        validator=validator,
    )
