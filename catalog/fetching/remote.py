"""Fetches pictures from the addresses that people and files give."""

from django.conf import settings

from catalog.fetching.fetcher import FetchLimits, fetch


def fetch_picture(url: str) -> bytes:
    """The bytes at an address; they need not be a picture. Raises FetchError."""
    limits = FetchLimits(max_bytes=int(settings.MAX_IMAGE_MB * 1_000_000))
    return fetch(url, limits=limits, allowed_hosts=tuple(settings.FETCH_ALLOWED_HOSTS))
