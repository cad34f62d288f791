"""The only place that makes HTTP requests to other servers, at addresses that strangers may choose.

`requests-hardened` looks a name up once and pins the connection to the address it found, keeping
the name for the Host header and the certificate. The rule for that address, the deadline, the
redirects and the limit on bytes are our own. There is no `requests` session, because a session
uses proxies, `.netrc` and cookies, and reads the bodies of redirects to their end.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, RawIOBase
from socket import socket
from time import monotonic
from typing import Any
from urllib.parse import urljoin

from requests import PreparedRequest, Request, RequestException, Response
from requests.adapters import HTTPAdapter
from requests_hardened.ip_filter_adapter import IPFilterAdapter  # type: ignore[import-untyped]
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Url, parse_url

from catalog.fetching.addresses import is_public

PORTS = {"http": 80, "https": 443}
CHUNK_BYTES = 64 * 1024
GRACE = 0.5  # seconds between the deadline and the thread's own time-outs, so that it comes first
HEADERS = {"User-Agent": "visualsearch", "Accept": "image/*"}

# The same sentence for all reasons, also for a name that does not exist. Different ones would tell
# a stranger which names and addresses our network has.
REFUSED = "This address can't be fetched. Use the public http(s) address of a picture."
UNREACHABLE = "The server at this address can't be reached."
BROKEN_OFF = "The server broke off, or its answer can't be read."

# A server that breaks the protocol causes any of these. A chunk of negative size, for example, is
# a ValueError.
PROTOCOL_ERRORS = (RequestException, HTTPError, HTTPException, ValueError)
# Characters that no URL may have (RFC 3986, section 2) and that parsers treat differently.
FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
# A host as urllib3 returns it, encoded by IDNA: no escapes, no scope id, at most one final dot.
HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]")


class FetchError(Exception):
    """Why nothing was fetched, as a sentence for the person who gave the address."""


@dataclass(frozen=True)
class FetchLimits:
    """The limits of one fetch: seconds in total, bytes of the decoded body, and redirects."""

    seconds: float = 10.0
    max_bytes: int = 10_000_000
    max_redirects: int = 3


def fetch(url: str, *, limits: FetchLimits, allowed_hosts: tuple[str, ...] = ()) -> bytes:
    """Return the decoded body at a public http(s) URL; empty if the server sends none.

    `allowed_hosts` may be private. They are names (`images.shop.lan`) for the usual ports, or names
    with a port (`127.0.0.1:8001`). Raises `FetchError`.
    """
    # Nothing can interrupt the look-up of a name, so all work is done in a thread, which is left
    # behind at the deadline. Its own time-outs end it once the system's resolver has given up.
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetch")
    try:
        return worker.submit(_follow, url, limits, allowed_hosts).result(limits.seconds)
    except TimeoutError as error:
        raise FetchError(f"The server took too long (over {limits.seconds:g} s).") from error
    finally:
        worker.shutdown(wait=False)


def host_of(url: str) -> str:
    """The host of an http(s) URL, in lower case and without a port. Raises FetchError."""
    return _parse(url).host or ""


def _follow(url: str, limits: FetchLimits, allowed_hosts: tuple[str, ...]) -> bytes:
    end = monotonic() + limits.seconds + GRACE
    for _ in range(limits.max_redirects + 1):
        with _answer(url, end - monotonic(), allowed_hosts) as response:
            if not response.is_redirect:
                return _body(response, limits.max_bytes)
            location = response.headers["location"]
            try:  # http.client decodes headers as Latin-1, while servers send UTF-8
                url = urljoin(url, location.encode("latin-1").decode("utf-8", "replace"))
            except ValueError as error:
                raise FetchError(REFUSED) from error
    raise FetchError(f"This address is redirected more than {limits.max_redirects} times.")


@contextmanager
def _answer(text: str, seconds: float, allowed_hosts: tuple[str, ...]) -> Iterator[Response]:
    url = _parse(text)
    adapter = _Adapter(url, trusted=_is_allowed(url, allowed_hosts))
    try:
        request = Request("GET", url.url, headers=HEADERS).prepare()
        response = adapter.send(request, stream=True, timeout=Timeout(total=seconds))
    except PROTOCOL_ERRORS as error:
        raise FetchError(UNREACHABLE) from error
    with closing(adapter), response:
        yield response


def _parse(text: str) -> Url:
    try:
        url = parse_url(text)
    except HTTPError as error:
        raise FetchError(REFUSED) from error
    host = url.host or ""
    plain = url.scheme in PORTS and url.auth is None and HOST.fullmatch(host)
    if not plain or FORBIDDEN.search(text):
        raise FetchError(REFUSED)
    return url._replace(host=host.rstrip("."), fragment=None)


def _is_allowed(url: Url, allowed_hosts: tuple[str, ...]) -> bool:
    names = {name.lower() for name in allowed_hosts}
    port = PORTS[url.scheme or ""] if url.port is None else url.port
    usual = port in PORTS.values()
    if f"{url.host}:{port}" in names or (usual and url.host in names):
        return True
    if not usual:
        raise FetchError(REFUSED)
    return False


def _body(response: Response, max_bytes: int) -> bytes:
    if response.status_code != 200:
        raise FetchError(f"The server answered {response.status_code} for this address.")
    body = bytearray()
    try:
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > max_bytes:
                raise FetchError(f"The file at this address is over {max_bytes / 1e6:.3g} MB.")
    except PROTOCOL_ERRORS as error:
        raise FetchError(BROKEN_OFF) from error
    return bytes(body)


class _TimedReader(RawIOBase):
    """Reads a socket, whose first time-out is the limit for all packets together."""

    def __init__(self, sock: socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._end = monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("the deadline passed")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    # Before this, urllib3 has set the socket's time-out to the rest of `Timeout(total=...)`.
    def __init__(self, sock: socket, debuglevel: int = 0, method: str | None = None) -> None:
        super().__init__(sock, debuglevel, method)
        self.fp.close()
        self.fp = BufferedReader(_TimedReader(sock))


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _TLSConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(IPFilterAdapter):  # type: ignore[misc]
    def __init__(self, url: Url, *, trusted: bool) -> None:
        super().__init__(is_https_proto=url.scheme == "https")
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
        self._trusted = trusted

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        if self._trusted:  # an allowed host: neither rule applies
            return HTTPAdapter.build_connection_pool_key_attributes(self, request, verify, cert)
        try:
            host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        except (RequestException, UnicodeError) as error:
            raise FetchError(REFUSED) from error
        # The base class has a rule, too, based on `ipaddress.is_private`; it only refuses more.
        if not is_public(host["host"].strip("[]")):
            raise FetchError(REFUSED)
        return host, tls
