"""Stands before Django: receives a body whole and within a size limit, or refuses the request.

Django takes a body without Content-Length for an empty one, stores files of any size, and fails on
unknown character sets. Thus no view sees an incomplete upload. The front also keeps one client from
using all threads: by connections that are slow, and by requests that take long.

The front also sets the client's language, for answers that are given before Django's middleware.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from html import escape
from http import HTTPStatus
from math import inf
from socket import SHUT_RD
from tempfile import SpooledTemporaryFile
from time import monotonic
from types import SimpleNamespace
from typing import IO, Any

from django.conf import settings
from django.http import parse_cookie
from django.utils.http import parse_header_parameters
from django.utils.translation import (
    get_language,
    get_language_from_request,
    gettext,
    override,
)

from catalog.messages import Sentence, sentence
from catalog.messages.translation import text_direction, translated
from catalog.pictures.slots import Busy, Slots
from visualsearch.gunicorn import threads
from visualsearch.observing import count_request

logger = logging.getLogger(__name__)

IN_MEMORY = 2**20  # bytes of a body; a longer one is stored on disk
BLOCK = 64 * 1024  # bytes read at a time
SILENCE = 10  # seconds without a byte, after which an upload is given up
LINGER = 5  # seconds to keep reading a refused body: many clients send all of it before they listen
CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}
BROKEN_OFF = sentence("The upload broke off.")
NOT_UTF_8 = sentence("Send UTF-8; other character sets are not read.")
NO_LENGTH = sentence("Say how long the body is, in Content-Length.")
PAGE = (
    '<!DOCTYPE html><html lang="{language}" dir="{direction}">'
    '<meta name="viewport" content="width=device-width">'
    "<title>{title} · {shop}</title><h1>{title}</h1><p>{sentence} {remedy}</p>"
)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
Headers = list[tuple[str, str]]


class Refused(Exception):
    """The request does not reach Django; the message is a sentence for its sender."""

    def __init__(self, status: HTTPStatus, message: Sentence, *, wait: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.wait = wait  # seconds, for Retry-After, where the shop is only too busy


class Front:
    """A WSGI application that hands requests to another one, with bodies of up to `max_bytes`.

    `client_of` names who sends a request; `sharing_headers` let a script of another origin read
    why it was refused. A client holds at most half of the threads. Further requests of it wait for
    up to a second, in at most another quarter of the threads. Two of a client's requests are worked
    on at once.
    """

    def __init__(
        self,
        application: Application,
        *,
        max_bytes: int,
        client_of: Callable[[Environ], str],
        sharing_headers: Callable[[Environ], Headers],
    ) -> None:
        self._application = application
        self._max_bytes = max_bytes
        self._client_of = client_of
        self._sharing_headers = sharing_headers
        self.threads = Slots(threads, per_client=threads // 2, waiting=threads // 4, patience=1)
        # More would only compete for the cores with others. One may be fetching from a slow server.
        self.working = Slots(threads, per_client=2, waiting=threads, patience=10)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The answer. What the request holds is given back when the server closes the answer."""
        client = self._client_of(environ)
        with ExitStack() as held:
            # Reset when the answer is closed, or the next request of this thread would inherit it.
            held.enter_context(override(language_of(environ)))
            try:
                held.enter_context(self.threads.one(client))
                _check_head(environ)
                if announced := _announced(environ):
                    body = held.enter_context(self._received(environ, announced))
                    environ = environ | {"wsgi.input": body, "CONTENT_LENGTH": str(body.tell())}
                    body.seek(0)
                if not _is_preflight(environ):  # which costs next to nothing
                    held.enter_context(self.working.one(client))
            except Refused as refused:
                return self._refuse(refused, environ, start_response, held.pop_all())
            except Busy as busy:
                too_busy = Refused(busy.status, busy.args[0], wait=busy.wait)
                return self._refuse(too_busy, environ, start_response, held.pop_all())
            answer = self._application(environ, start_response)
            if hasattr(answer, "close"):
                held.callback(answer.close)
            # Not wrapped: only in its own wrapper gunicorn leaves sending a file to the kernel.
            answer.close = held.pop_all().close  # type: ignore[attr-defined]
            return answer

    def _received(self, environ: Environ, announced: float) -> IO[bytes]:
        """The whole body. Raises Refused."""
        message = sentence(
            "The request is too large; the maximum is %(most)s MB.", most=self._max_bytes / 2**20
        )
        too_large = Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        if self._max_bytes < announced < inf:
            raise too_large
        body = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # open until all is answered
        try:
            with _timeout(environ, SILENCE):
                _store(body, _blocks(environ["wsgi.input"], min(announced, self._max_bytes + 1)))
            if body.tell() > self._max_bytes:
                raise too_large
            if body.tell() < announced < inf:
                raise Refused(HTTPStatus.BAD_REQUEST, BROKEN_OFF)
        except Refused:
            with suppress(OSError):  # closing flushes, and fails on a full disk once more
                body.close()
            raise
        return body

    def _refuse(
        self, refused: Refused, environ: Environ, start_response: StartResponse, held: ExitStack
    ) -> Iterator[bytes]:
        """Answer a refused request at once, then keep reading what its client still sends."""
        with held:
            yield self._begin_refusal(refused, environ, start_response)
            if refused.wait and (connection := environ.get("gunicorn.socket")):
                connection.shutdown(SHUT_RD)  # gunicorn would read on for five seconds
            if refused.wait or refused.status == HTTPStatus.REQUEST_TIMEOUT:
                return
            end = monotonic() + LINGER
            with suppress(Refused), _timeout(environ, LINGER):
                for _ in _blocks(environ["wsgi.input"], _announced(environ)):
                    if monotonic() > end:
                        break

    def _begin_refusal(
        self, refused: Refused, environ: Environ, start_response: StartResponse
    ) -> bytes:
        """Send status and headers; returns the body."""
        count_request("front", environ.get("REQUEST_METHOD"), refused.status)
        kind, text = "application/json", json.dumps({"detail": translated(refused)})
        if "text/html" in environ.get("HTTP_ACCEPT", ""):  # the answer takes the place of a page
            kind = "text/html; charset=utf-8"
            text = PAGE.format(
                language=get_language(),
                direction=text_direction(),
                shop=escape(settings.SHOP_NAME),
                title=escape(gettext("This did not work")),
                sentence=escape(translated(refused)),
                remedy=escape(gettext("Go back and try again.")),
            )
        body = text.encode()
        headers = [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Content-Language", get_language()),
            ("Content-Security-Policy", "default-src 'none'"),
            ("X-Content-Type-Options", "nosniff"),
            *self._sharing_headers(environ),
        ]
        if refused.wait:
            headers.append(("Retry-After", str(refused.wait)))
        start_response(f"{refused.status.value} {refused.status.phrase}", headers)
        if refused.wait and "gunicorn.socket" in environ:
            # The body stays unread. gunicorn drops a header Connection of ours, but sends its own.
            start_response.__self__.force_close()  # type: ignore[attr-defined]
        return body


def language_of(environ: Environ) -> str:
    """The language of the client, from its cookie and its header, as in LocaleMiddleware."""
    cookies = parse_cookie(environ.get("HTTP_COOKIE", ""))
    asked: Any = SimpleNamespace(COOKIES=cookies, META=environ)  # all that Django looks at
    return get_language_from_request(asked)


def _check_head(environ: Environ) -> None:
    if "\0" in environ.get("PATH_INFO", ""):
        raise Refused(HTTPStatus.BAD_REQUEST, sentence("The address has a NUL byte."))
    content_type = environ.get("CONTENT_TYPE", "")
    # An asterisk marks a parameter that names its own character set (RFC 2231).
    plain = "*" not in content_type
    charset = parse_header_parameters(content_type)[1].get("charset", "utf-8") if plain else ""
    if charset.lower() not in CHARSETS:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, NOT_UTF_8)


def _is_preflight(environ: Environ) -> bool:
    """Whether a browser asks if a script of another origin may send what follows."""
    asks = "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    return asks and environ.get("REQUEST_METHOD") == "OPTIONS"


def _announced(environ: Environ) -> float:
    """The number of bytes to come, `inf` for a body in chunks. Raises Refused."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        if environ.get("wsgi.input_terminated"):
            return inf
        raise Refused(HTTPStatus.LENGTH_REQUIRED, NO_LENGTH)
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal() and len(length) < 19):
        raise Refused(HTTPStatus.BAD_REQUEST, sentence("Content-Length is not a number of bytes."))
    return int(length)


def _blocks(source: IO[bytes], most: float) -> Iterator[bytes]:
    """Up to `most` of the bytes that the client sends. Raises Refused."""
    try:
        while most > 0 and (block := source.read(int(min(BLOCK, most)))):
            most -= len(block)
            yield block
    except TimeoutError as error:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, sentence("The upload stalled.")) from error
    except OSError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, BROKEN_OFF) from error


def _store(body: IO[bytes], blocks: Iterator[bytes]) -> None:
    """Write the blocks. Raises Refused."""
    try:
        for block in blocks:  # writelines() would hold them all in memory before Python 3.12
            body.write(block)
        body.flush()
    except OSError as error:
        logger.error("An upload can't be stored: %s.", error.strerror)
        message = sentence("The server has no room for uploads just now. Try again later.")
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, message) from error


@contextmanager
def _timeout(environ: Environ, seconds: float) -> Iterator[None]:
    """Limit how long each read waits for the client; gunicorn itself waits for ever."""
    connection = environ.get("gunicorn.socket")
    if connection is None:
        yield
        return
    connection.settimeout(seconds)
    try:
        yield
    finally:
        connection.settimeout(None)
