"""The only place that makes HTTP requests to other servers, at addresses that strangers may choose.

`requests-hardened` looks a name up once and pins the connection to the address it found, keeping
the name for the Host header and the certificate. The rule for that address, the deadline, the
redirects and the limit on bytes are our own. There is no `requests` session, because a session
uses proxies, `.netrc` and cookies, and reads the bodies of redirects to their end.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from gzip import BadGzipFile, GzipFile
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, RawIOBase
from math import inf
from socket import socket
from time import monotonic
from typing import Any, BinaryIO
from urllib.parse import urljoin

from requests import PreparedRequest, Request, RequestException, Response
from requests.adapters import HTTPAdapter
from requests_hardened.ip_filter_adapter import IPFilterAdapter  # type: ignore[import-untyped]
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Url, parse_url

from catalog.fetching.addresses import is_public
from catalog.fetching.hosts import HostHeaders
from catalog.messages import sentence

PORTS = {"http": 80, "https": 443}
CHUNK_BYTES = 64 * 1024
TOLD_SECONDS = 0.5  # between two looks at how much of a file has arrived
GZIP_MAGIC = b"\x1f\x8b"
GRACE = 0.5  # seconds between the deadline and the thread's own time-outs, so that it comes first
HEADERS = {"User-Agent": "visualsearch", "Accept": "*/*"}

# The same sentence for all reasons, also for a name that does not exist. Different ones would tell
# a stranger which names and addresses our network has.
REFUSED = sentence("This address can't be fetched. Use a public http(s) address.")
UNREACHABLE = sentence("The server at this address can't be reached.")
BROKEN_OFF = sentence("The server broke off, or its answer can't be read.")

# A server that breaks the protocol causes any of these. A chunk of negative size, for example, is
# a ValueError.
PROTOCOL_ERRORS = (RequestException, HTTPError, HTTPException, ValueError)
# An entity tag (RFC 9110, section 8.8.3) in ASCII, which is sent back as it came; and a date as
# servers must write it (section 5.6.7).
ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{1,150}"')
HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")
# Earlier dates, such as 1970, are those of build tools that give all files the same one.
FIRST_DATE = datetime(1991, 1, 1, tzinfo=UTC)
# A file may change again within the second that its date names (RFC 9110, section 8.8.2.2).
SETTLED = timedelta(minutes=1)
# Characters that no URL may have (RFC 3986, section 2) and that parsers treat differently.
FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
# A host as urllib3 returns it, encoded by IDNA: no escapes, no scope id, at most one final dot.
HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]")


class FetchError(Exception):
    """Why nothing was fetched, as a sentence for the person who gave the address."""


@dataclass(frozen=True)
class FetchLimits:
    """The limits of one fetch: seconds in total, bytes of the decoded body, and redirects.

    Within `stall_seconds` a server must answer, and send each further piece of the body.
    """

    seconds: float = 10.0
    max_bytes: int = 10 * 2**20
    max_redirects: int = 3
    stall_seconds: float = inf


@dataclass(frozen=True)
class Answer:
    """What a server answered: the decoded body, unless a file got it, and what to ask with later.

    `validator` is an entity tag, or a date of last modification where there is no tag; "" if the
    server gave neither that can be relied on. Where `is_modified` is false, the server still has
    the file that the given validator stands for, and there is no body.
    """

    body: bytes
    validator: str = ""
    is_modified: bool = True


@dataclass
class Transfer:
    """How much of a body has arrived, and its size by the server's word; 0 if it gave none."""

    received: int = 0
    total: int = 0


def fetch(
    url: str,
    *,
    limits: FetchLimits,
    allowed_hosts: tuple[str, ...] = (),
    headers: Mapping[str, str] = HEADERS,
    host_headers: HostHeaders | None = None,
    validator: str = "",
    into: BinaryIO | None = None,
    on_read: Callable[[int, int], object] | None = None,
) -> Answer:
    """Fetch a public http(s) URL. Raises `FetchError`.

    `allowed_hosts` may be private. They are names (`images.shop.lan`) for the usual ports, or names
    with a port (`127.0.0.1:8001`). `headers` go to all hosts. `host_headers` go only to the host
    that they are named after, in the same way, and no longer once a redirect has left https. With
    the `validator` of an earlier answer, the body is sent only if it has changed.

    With `into`, the body goes to that file and not into memory, and gzip is unpacked, whether it is
    the encoding or the file. The file is whole only once this returns. Now and then `on_read` gets
    the bytes received so far, and how many there will be, or 0; what it raises ends the fetch.
    """
    # Nothing can interrupt the look-up of a name, so all work is done in a thread, which is left
    # behind at the deadline. Its own time-outs end it once the system's resolver has given up.
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetch")
    transfer = Transfer()
    arguments = url, limits, allowed_hosts, headers, host_headers or {}, validator, into, transfer
    end = monotonic() + limits.seconds
    future = worker.submit(_follow, *arguments)
    try:
        while on_read and monotonic() < end and wait([future], TOLD_SECONDS).not_done:
            on_read(transfer.received, transfer.total)
        return future.result(max(0, end - monotonic()))
    except TimeoutError as error:
        raise FetchError(
            sentence("The server took too long (over %(seconds)s s).", seconds=limits.seconds)
        ) from error
    finally:
        del future  # a cycle of it, its exception and this frame would keep the connection open
        worker.shutdown(wait=False)


def host_of(url: str) -> str:
    """The host of an http(s) URL, in lower case and without a port. Raises FetchError."""
    return _parse(url).host or ""


def host_names(url: str) -> tuple[str, ...]:
    """The names by which settings can mean the host of a URL, the most precise one first.

    Raises FetchError.
    """
    return _names(_parse(url))


def _follow(
    text: str,
    limits: FetchLimits,
    allowed_hosts: tuple[str, ...],
    headers: Mapping[str, str],
    host_headers: HostHeaders,
    validator: str,
    into: BinaryIO | None,
    transfer: Transfer,
) -> Answer:
    end = monotonic() + limits.seconds + GRACE
    url = _parse(text)
    left_tls = False
    condition = "If-None-Match" if validator.endswith('"') else "If-Modified-Since"
    for hop in range(limits.max_redirects + 1):
        if hop and condition == "If-Modified-Since":
            validator = ""  # a redirect may lead to another file now, and to an older one
        names = _names(url)
        is_private = any(name.lower() in names for name in allowed_hosts)
        if not is_private and url.port not in (None, *PORTS.values()):
            raise FetchError(REFUSED)
        own = next((host_headers[name] for name in names if name in host_headers), {})
        sent = {**headers, **({} if left_tls else own)}
        if validator:
            sent[condition] = validator
        seconds = min(limits.stall_seconds, end - monotonic())
        with _answer(url, sent, seconds, trusted=is_private) as response:
            if validator and response.status_code == 304:
                return Answer(b"", validator, is_modified=False)
            if not response.is_redirect:
                pieces = _pieces(response, limits, end, transfer, is_raw=into is not None)
                if into is None:
                    body = b"".join(pieces)
                else:
                    into.writelines(_unpacked(pieces, limits.max_bytes))
                    body = b""
                return Answer(body, _validator(response, is_redirected=hop > 0))
            location = response.headers["location"]
        try:  # http.client decodes headers as Latin-1, while servers send UTF-8
            target = _parse(urljoin(url.url, location.encode("latin-1").decode("utf-8", "replace")))
        except ValueError as error:
            raise FetchError(REFUSED) from error
        left_tls |= url.scheme == "https" and target.scheme == "http"
        url = target
    raise FetchError(
        sentence(
            "This address is redirected more than %(times)s times.", times=limits.max_redirects
        )
    )


@contextmanager
def _answer(
    url: Url, headers: Mapping[str, str], seconds: float, *, trusted: bool
) -> Iterator[Response]:
    adapter = _Adapter(url, trusted=trusted)
    try:
        request = Request("GET", url.url, headers=headers).prepare()
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


def _names(url: Url) -> tuple[str, ...]:
    port = PORTS[url.scheme or ""] if url.port is None else url.port
    precise = f"{url.host}:{port}"
    return (precise, url.host or "") if port in PORTS.values() else (precise,)


def _validator(response: Response, *, is_redirected: bool) -> str:
    etag = response.headers.get("ETag", "").strip()
    if ETAG.fullmatch(etag):
        return etag
    # Both by the server's clock, so that ours does not matter.
    modified, now = (response.headers.get(name, "") for name in ("Last-Modified", "Date"))
    if is_redirected or not (HTTP_DATE.fullmatch(modified) and HTTP_DATE.fullmatch(now)):
        return ""
    try:
        is_settled = parsedate_to_datetime(modified) <= parsedate_to_datetime(now) - SETTLED
        is_date = parsedate_to_datetime(modified) >= FIRST_DATE
    except ValueError:  # the 31st of February
        return ""
    return modified if is_settled and is_date else ""


def _pieces(
    response: Response, limits: FetchLimits, end: float, transfer: Transfer, *, is_raw: bool
) -> Iterator[bytes]:
    """The body, decoded unless it is wanted raw. Raises FetchError, also if it is not whole."""
    if response.status_code != 200:
        raise FetchError(
            sentence(
                "The server answered %(status)s for this address.", status=response.status_code
            )
        )
    raw: Any = response.raw
    transfer.total = raw.length_remaining or 0
    if is_raw:
        _check_size(transfer.total, limits.max_bytes)
        pieces = raw.stream(CHUNK_BYTES, decode_content=False)
    else:
        pieces = response.iter_content(CHUNK_BYTES)
    reader: _TimedReader = raw._original_response.reader
    try:
        while True:
            reader.end = min(end, monotonic() + limits.stall_seconds)
            if (piece := next(pieces, None)) is None:
                return
            transfer.received += len(piece)
            _check_size(transfer.received, limits.max_bytes)
            yield piece
    except PROTOCOL_ERRORS as error:
        raise FetchError(BROKEN_OFF) from error


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise FetchError(
            sentence("The file at this address is over %(most)s MB.", most=max_bytes / 2**20)
        )


def _unpacked(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """The contents of a file that may be packed by gzip. Raises FetchError, also if it is cut off.

    Some servers pack a packed file once more for its way.
    """
    source: BufferedReader | GzipFile = BufferedReader(_Joined(pieces))
    size = 0
    try:
        for _ in range(2):
            if source.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC):
                source = GzipFile(fileobj=source, mode="rb")
        while chunk := source.read(CHUNK_BYTES):
            size += len(chunk)
            _check_size(size, max_bytes)
            yield chunk
    except (BadGzipFile, EOFError, zlib.error) as error:
        raise FetchError(BROKEN_OFF) from error


class _Joined(RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self._rest) < len(buffer) and (piece := next(self._pieces, b"")):
            self._rest += piece
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


class _TimedReader(RawIOBase):
    """Reads a socket until `end`; first, its time-out is the limit for all packets together."""

    def __init__(self, sock: socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self.end = monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self.end - monotonic()
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
        self.reader = _TimedReader(sock)
        self.fp = BufferedReader(self.reader)


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
