"""What stands before Django: a body comes in whole and of bounded size, or is refused.

Django takes a body without Content-Length for an empty one, keeps files of any size on the disk,
and fails on character sets that are none. Behind this door no view sees half an upload.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from math import inf
from tempfile import SpooledTemporaryFile
from time import monotonic
from typing import IO, Any

from django.utils.http import parse_header_parameters

from visualsearch.observing import count

logger = logging.getLogger(__name__)

IN_MEMORY = 2**20  # bytes of a body; a longer one waits on the disk
BLOCK = 64 * 1024
SILENCE = 10  # seconds without a byte, after which nobody waits for more
LINGER = 5  # seconds that a refused body is read on: many clients listen only when all is sent
CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}
BROKEN_OFF = "The upload broke off."

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class Refused(Exception):
    """The request does not get to Django; the message is a sentence for who sent it."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Front:
    """A WSGI application before another one, which gets no body of more than `most` bytes."""

    def __init__(self, application: Application, *, most: int) -> None:
        self._application = application
        self._most = most

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            _check_head(environ)
            body = self._received(environ)
        except Refused as refused:
            return _answer(refused, environ, start_response)
        if body is None:
            return self._application(environ, start_response)
        return self._hand_on(body, environ, start_response)

    def _received(self, environ: Environ) -> IO[bytes] | None:
        announced = _announced(environ)
        if announced == 0:
            return None
        if self._most < announced < inf:
            raise self._too_large()
        body = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # open until all is answered
        try:
            with _waiting(environ, SILENCE):
                self._fill(body, environ["wsgi.input"], announced)
        except Refused:
            with suppress(OSError):  # a full disk is told of once more
                body.close()
            raise
        return body

    def _fill(self, body: IO[bytes], source: IO[bytes], announced: float) -> None:
        _store(body, _blocks(source, min(announced, self._most + 1)))
        if body.tell() > self._most:
            raise self._too_large()
        if body.tell() < announced < inf:
            raise Refused(HTTPStatus.BAD_REQUEST, BROKEN_OFF)

    def _hand_on(
        self, body: IO[bytes], environ: Environ, start_response: StartResponse
    ) -> Iterator[bytes]:
        with body:
            received = {"wsgi.input": body, "CONTENT_LENGTH": str(body.tell())}
            body.seek(0)
            answer = self._application(environ | received, start_response)
            try:
                yield from answer
            finally:
                if hasattr(answer, "close"):
                    answer.close()

    def _too_large(self) -> Refused:
        sentence = f"The request is too large; {self._most / 2**20:g} MB are the most."
        return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence)


def _check_head(environ: Environ) -> None:
    if "\0" in environ.get("PATH_INFO", ""):
        raise Refused(HTTPStatus.BAD_REQUEST, "The address has a NUL byte.")
    content_type = environ.get("CONTENT_TYPE", "")
    # An asterisk marks parameters that bring their own character set (RFC 2231).
    plain = "*" not in content_type
    charset = parse_header_parameters(content_type)[1].get("charset", "utf-8") if plain else ""
    if charset.lower() not in CHARSETS:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send UTF-8; other character sets are not read."
        )


def _announced(environ: Environ) -> float:
    """How many bytes are to come; `inf` for a body in chunks, which ends where it ends."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        if environ.get("wsgi.input_terminated"):
            return inf
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "Say how long the body is, in Content-Length.")
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal() and len(length) < 19):
        raise Refused(HTTPStatus.BAD_REQUEST, "Content-Length is not a number of bytes.")
    return int(length)


def _blocks(source: IO[bytes], most: float) -> Iterator[bytes]:
    """The next bytes that the client sends, `most` at most."""
    try:
        while most > 0 and (block := source.read(int(min(BLOCK, most)))):
            most -= len(block)
            yield block
    except TimeoutError as error:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, "The upload stalled.") from error
    except OSError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, BROKEN_OFF) from error


def _store(body: IO[bytes], blocks: Iterator[bytes]) -> None:
    try:
        for block in blocks:  # writelines() would hold them all in memory before Python 3.12
            body.write(block)
        body.flush()
    except OSError as error:
        logger.error("An upload can't be stored: %s.", error.strerror)
        sentence = "The server has no room for uploads just now. Try again later."
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, sentence) from error


@contextmanager
def _waiting(environ: Environ, seconds: float) -> Iterator[None]:
    """Wait so long for a client's next bytes; gunicorn by itself waits for ever."""
    connection = environ.get("gunicorn.socket")
    if connection is None:
        yield
        return
    connection.settimeout(seconds)
    try:
        yield
    finally:
        connection.settimeout(None)


def _answer(refused: Refused, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    count("front", environ.get("REQUEST_METHOD"), refused.status)
    body = json.dumps({"detail": str(refused)}).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Content-Security-Policy", "default-src 'none'"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response(f"{refused.status.value} {refused.status.phrase}", headers)
    yield body
    if refused.status != HTTPStatus.REQUEST_TIMEOUT:
        _read_on(environ)


def _read_on(environ: Environ) -> None:
    end = monotonic() + LINGER
    with suppress(Refused), _waiting(environ, LINGER):
        for _ in _blocks(environ["wsgi.input"], _announced(environ)):
            if monotonic() > end:
                break
