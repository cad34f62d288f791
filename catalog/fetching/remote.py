"""Pictures that are named by an address."""

from django.conf import settings

from catalog.fetching.fetcher import FetchLimits, fetch


def is_remote(source: str) -> bool:
    """Whether a picture's source is an http(s) address, and no path."""
    return source.lower().startswith(("http://", "https://"))


def fetch_picture(url: str) -> bytes:
    """What is behind an address that somebody named, not yet seen by the gate.

    Raises FetchError.
    """
    limits = FetchLimits(max_bytes=int(settings.MAX_IMAGE_MB * 1_000_000))
    return fetch(url, limits=limits, allowed_hosts=tuple(settings.FETCH_ALLOWED_HOSTS))
