"""Fetches pictures from the addresses that people and files give."""

from django.conf import settings

from catalog.fetching.fetcher import Answer, FetchLimits, fetch
from catalog.fetching.hosts import HostHeaders
from catalog.pictures.stored import image_limits

# The only ones of FETCH_HEADERS that are sent for a stranger: they say where a picture is shown. A
# token among the others would let strangers see what only the shop may.
OPEN_HEADERS = frozenset({"referer", "origin"})


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
