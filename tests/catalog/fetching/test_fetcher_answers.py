"""What `fetch` makes of answers, and of servers that misbehave."""

import gzip
import socket
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from catalog.fetching import fetcher
from catalog.fetching.fetcher import FetchLimits, fetch
from tests.catalog.local_servers import (
    LIMITS,
    PICTURE,
    LocalServer,
    Reply,
    Serve,
    fetch_from,
    hosts,
    http,
    redirect,
    refusal,
    refusal_of,
)

HURRIED = FetchLimits(seconds=0.5, max_bytes=2**20)
LATE = 10  # seconds: what ignores the deadline takes far longer
TOO_SLOW = "The server took too long (over 0.5 s)."
BROKEN_OFF, UNREACHABLE = str(fetcher.BROKEN_OFF), str(fetcher.UNREACHABLE)
TOO_LARGE = "The file at this address is over 1 MB."


def test_leaves_the_body_of_a_redirect_unread(serve: Serve) -> None:
    target = serve(http(PICTURE))
    size = 200_000_000

    def reply(server: LocalServer, connection: socket.socket) -> None:
        location, length = f"Location: {target.url}", f"Content-Length: {size}"
        connection.sendall(http(b"", location, length, status="302 Found"))
        for _ in range(size // 1_000_000):
            connection.sendall(bytes(1_000_000))

    server = serve(reply)
    tracemalloc.start()
    body = fetch(server.url, limits=LIMITS, allowed_hosts=hosts([server, target])).body
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert body == PICTURE
    assert peak < 20_000_000


@pytest.mark.parametrize(
    "status", ["404 Not Found", "500 Oops", "204 No Content", "206 Partial", "304 Not Modified"]
)
def test_names_the_status(serve: Serve, status: str) -> None:
    server = serve(http(b"no", status=status))
    assert refusal_of(server) == f"The server answered {status[:3]} for this address."


def test_does_not_follow_a_redirect_to_nowhere(serve: Serve) -> None:
    server = serve(http(b"no", status="302 Found"))
    assert refusal_of(server) == "The server answered 302 for this address."


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (("Connection: close",), PICTURE),
        (("Content-Length: many",), PICTURE),
        (("Content-Length: -5",), PICTURE),
        (("Content-Length: 1000",), PICTURE[:1000]),
        (("Content-Length: 102400", "Content-Encoding: unheard-of"), PICTURE),
    ],
)
def test_takes_no_or_a_false_length(serve: Serve, headers: tuple[str], body: bytes) -> None:
    assert fetch_from(serve(http(PICTURE, *headers))) == body


def test_joins_chunks(serve: Serve) -> None:
    chunks = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert fetch_from(serve(http(chunks, "Transfer-Encoding: chunked"))) == b"abcde"


@pytest.mark.parametrize(
    "answer",
    [
        http(PICTURE, f"Content-Length: {len(PICTURE) + 1}"),
        http(b"3\r\nabc\r\n5\r\nde", "Transfer-Encoding: chunked"),
        http(b"zz\r\nabc\r\n", "Transfer-Encoding: chunked"),
        http(b"no gzip at all", "Content-Encoding: gzip"),
    ],
)
def test_refuses_a_broken_body(serve: Serve, answer: bytes) -> None:
    assert refusal_of(serve(answer)) == BROKEN_OFF


@pytest.mark.parametrize(
    "answer",
    [
        *(
            b"",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"HTTP/1.1 abc\r\n\r\n",
            b"HTTP/1.1 200 OK" + b"k" * 99999,
        ),
        http(b"", *(f"X-{number}: 1" for number in range(200))),
        http(b"abc", "Content-Length: 2, 3"),
    ],
)
def test_gives_up_on_what_is_no_http(serve: Serve, answer: bytes) -> None:
    assert refusal_of(serve(answer)) == UNREACHABLE


def test_says_when_nobody_listens(serve: Serve) -> None:
    server = LocalServer(b"")
    server.stop()
    assert refusal_of(server) == UNREACHABLE


def test_decodes_gzip(serve: Serve) -> None:
    assert fetch_from(serve(http(gzip.compress(PICTURE), "Content-Encoding: gzip"))) == PICTURE


@pytest.mark.parametrize("size", [2**20, 2**20 + 1])
def test_holds_the_body_to_the_last_byte(serve: Serve, size: int) -> None:
    server = serve(http(bytes(size), "Connection: close"))
    if size == 2**20:
        assert fetch_from(server) == bytes(size)
    else:
        assert refusal_of(server) == TOO_LARGE


def test_counts_decoded_bytes(serve: Serve) -> None:
    server = serve(http(gzip.compress(bytes(200_000_000)), "Content-Encoding: gzip"))
    tracemalloc.start()
    assert refusal_of(server) == TOO_LARGE
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def drip(before: bytes, piece: bytes) -> Reply:
    def reply(server: LocalServer, connection: socket.socket) -> None:
        connection.sendall(before)
        while not server.stopping.wait(0.05):
            connection.sendall(piece)

    return reply


@pytest.mark.parametrize(
    ("before", "piece"),
    [
        (http(b"", "Content-Length: 100000"), b"five!"),
        (http(b"", "Connection: close"), b"five!"),
        (http(b"", "Transfer-Encoding: chunked"), b"1\r\nx\r\n"),
        (http(b"", "Content-Encoding: gzip"), gzip.compress(b"")),
        (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"five!"),
        (b"", b""),
    ],
    ids=["body", "endless", "chunks", "gzip", "headers", "continue", "line", "silence"],
)
def test_ends_a_drip_at_the_deadline(serve: Serve, before: bytes, piece: bytes) -> None:
    server = serve(drip(before, piece))
    began = time.monotonic()
    assert refusal_of(server, limits=HURRIED) == TOO_SLOW
    assert time.monotonic() - began < LATE


def test_counts_redirects_into_the_deadline(serve: Serve) -> None:
    def reply(server: LocalServer, connection: socket.socket) -> None:
        server.stopping.wait(0.2)
        connection.sendall(redirect("/picture.png"))

    began = time.monotonic()
    assert refusal_of(serve(reply), limits=HURRIED) == TOO_SLOW
    assert time.monotonic() - began < LATE


@pytest.mark.parametrize("allowed_hosts", [(), ("shop.test",)])
def test_counts_the_look_up_into_the_deadline(
    monkeypatch: pytest.MonkeyPatch, allowed_hosts: tuple[str, ...]
) -> None:
    given_up = threading.Event()

    def stall(*_args: object, **_options: object) -> None:
        given_up.wait(60)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", stall)
    began = time.monotonic()
    assert refusal("http://shop.test/", limits=HURRIED, allowed_hosts=allowed_hosts) == TOO_SLOW
    assert time.monotonic() - began < LATE
    given_up.set()


def then_silence(server: LocalServer, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    server.stopping.wait(0.7)
    connection.sendall(b"X: 1\r\n")
    server.stopping.wait(60)


def flood(server: LocalServer, connection: socket.socket) -> None:
    while not server.stopping.is_set():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


@pytest.mark.parametrize("reply", [drip(b"HTTP/1.1 200 OK\r\n", b"X"), then_silence, flood])
def test_leaves_no_thread_behind_for_long(serve: Serve, reply: Reply) -> None:
    began = time.monotonic()
    assert refusal_of(serve(reply), limits=HURRIED) == TOO_SLOW
    for thread in threading.enumerate():
        if thread.name.startswith("fetch"):
            thread.join(timeout=LATE)
    assert time.monotonic() - began < LATE


def test_serves_many_threads_at_once(serve: Serve) -> None:
    servers = [serve(http(bytes([number]) * 50_000)) for number in range(4)] * 8
    with ThreadPoolExecutor(max_workers=16) as threads:
        bodies = list(threads.map(fetch_from, servers))
    assert bodies == [bytes([number]) * 50_000 for number in range(4)] * 8


@pytest.mark.parametrize("chunk", [b"-5\r\nabc", b"zz\r\nabc", b"\r\n"])
def test_refuses_chunks_that_break_the_protocol(serve: Serve, chunk: bytes) -> None:
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
    assert refusal_of(serve(reply)) == BROKEN_OFF
