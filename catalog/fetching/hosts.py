"""Hosts as the settings name them: those that may be private, and those that get extra headers."""

import json
import re
from collections.abc import Mapping
from typing import Any

# A name or an address (IPv6 in brackets), and perhaps a port.
HOST = re.compile(r"([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110, section 5.6.2
# Printable ASCII, without line breaks: a value can't begin another header.
HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,3998}[\x21-\x7e])?")
# What the fetcher sets itself, what concerns one connection only (RFC 9110, section 7.6.1), and
# what would change the meaning of the answer.
REFUSED_HEADERS = re.compile(
    r"host|cookie2?|connection|keep-alive|te|trailer|upgrade|expect|range|accept-encoding"
    r"|http2-settings|transfer-encoding|content-.*|proxy-.*|if-.*",
    re.IGNORECASE,
)
EXAMPLE = '{"cdn.shop.example": {"Referer": "https://shop.example/"}}'

HostHeaders = Mapping[str, Mapping[str, str]]  # by host, in lower case


class InvalidHeaders(Exception):
    """The text can't be read as headers by host; the message repeats no value of a header."""


def read_headers(text: str) -> HostHeaders:
    """Headers by host, from a JSON object; empty text has none. Raises InvalidHeaders."""
    if not text.strip():
        return {}
    try:
        hosts = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise InvalidHeaders(f"Write JSON without repeats: {EXAMPLE}") from None
    if not isinstance(hosts, dict) or not all(isinstance(it, dict) for it in hosts.values()):
        raise InvalidHeaders(f"Write headers by host: {EXAMPLE}")
    for host, headers in hosts.items():
        if not HOST.fullmatch(host):
            raise InvalidHeaders(
                f"{host[:100]!r} is not the name of a host. Write it alone, without scheme, path or"
                " wildcard: cdn.shop.example, xn--bcher-kva.example or 10.0.0.7:8080."
            )
        for name, value in headers.items():
            if not HEADER_NAME.fullmatch(name) or REFUSED_HEADERS.fullmatch(name):
                raise InvalidHeaders(f"The header {name[:100]!r} can't be sent. Remove it.")
            if not isinstance(value, str) or not HEADER_VALUE.fullmatch(value):
                raise InvalidHeaders(
                    f"The value of {name} can't be sent. Use a text of at most 4000 printable ASCII"
                    " characters."
                )
    return {host.lower(): headers for host, headers in hosts.items()}


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, in which hosts and names of headers that differ only in case are the same."""
    if len({name.lower() for name, _ in pairs}) < len(pairs):
        raise ValueError
    return dict(pairs)
