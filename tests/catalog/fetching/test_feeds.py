"""Fetching into a file: gzip, limits, what is not whole, and the password of a feed."""

import gzip
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from catalog.fetching import remote
from catalog.fetching.fetcher import BROKEN_OFF, CHUNK_BYTES, Answer, FetchError, FetchLimits, fetch
from catalog.fetching.remote import fetch_feed
from tests.catalog.local_servers import (
    LIMITS,
    PICTURE,
    LocalServer,
    Serve,
    hosts,
    http,
    redirect,
    sent_with,
    versioned,
)

FEED = PICTURE
PACKED = gzip.compress(FEED)


def download(server: LocalServer, path: Path, **options: Any) -> Answer:
    with path.open("wb") as file:
        options = {"limits": LIMITS, "allowed_hosts": (server.host,)} | options
        return fetch(server.url, into=file, **options)


@pytest.mark.parametrize(
    "answer",
    [
        http(FEED),
        http(FEED, "Connection: close"),
        http(PACKED, f"Content-Length: {len(PACKED)}", "Content-Encoding: gzip"),
        http(PACKED, f"Content-Length: {len(PACKED)}", "Content-Type: application/gzip"),
        http(gzip.compress(PACKED), "Connection: close", "Content-Encoding: gzip"),
        http(gzip.compress(FEED[:9]) + gzip.compress(FEED[9:]), "Connection: close"),
    ],
    ids=["plain", "without length", "encoded", "packed", "twice", "two members"],
)
def test_writes_a_file_that_may_be_packed(serve: Serve, tmp_path: Path, answer: bytes) -> None:
    assert download(serve(answer), tmp_path / "feed") == Answer(b"")
    assert (tmp_path / "feed").read_bytes() == FEED


@pytest.mark.parametrize("body", [b"", b"\x1f", b"<"])
def test_writes_a_file_of_hardly_anything(serve: Serve, tmp_path: Path, body: bytes) -> None:
    download(serve(http(body)), tmp_path / "feed")
    assert (tmp_path / "feed").read_bytes() == body


@pytest.mark.parametrize(
    "answer",
    [
        http(FEED[:1000], f"Content-Length: {len(FEED)}"),
        http(b"3\r\nabc\r\n5\r\nde", "Transfer-Encoding: chunked"),
        http(PACKED[: len(PACKED) // 2], "Connection: close"),
        http(PACKED[: len(PACKED) // 2], "Connection: close", "Content-Encoding: gzip"),
        http(PACKED[:-8] + bytes(8), "Connection: close"),
        http(b"\x1f\x8bno gzip", "Connection: close"),
    ],
    ids=["short", "chunks", "packed", "encoded", "checksum", "no gzip"],
)
def test_takes_no_part_for_the_whole(serve: Serve, tmp_path: Path, answer: bytes) -> None:
    with pytest.raises(FetchError, match=str(BROKEN_OFF)):
        download(serve(answer), tmp_path / "feed")


@pytest.mark.parametrize(
    "answer",
    [
        http(b"", f"Content-Length: {2**20 + 1}"),
        http(bytes(2**20 + 1), "Connection: close"),
        http(gzip.compress(bytes(2**22)), "Connection: close"),
    ],
    ids=["announced", "plain", "packed"],
)
def test_bounds_what_is_written(serve: Serve, tmp_path: Path, answer: bytes) -> None:
    with pytest.raises(FetchError, match="over 1 MB"):
        download(serve(answer), tmp_path / "feed")
    assert (tmp_path / "feed").stat().st_size <= 2**20


def test_tells_how_much_has_arrived(serve: Serve, tmp_path: Path) -> None:
    told = threading.Event()
    seen: set[tuple[int, int]] = set()

    def reply(server: LocalServer, connection: socket.socket) -> None:
        connection.sendall(http(FEED)[:-5])
        told.wait(100)
        connection.sendall(FEED[-5:])

    def tell(received: int, total: int) -> None:
        seen.add((received, total))
        if received:
            told.set()

    download(serve(reply), tmp_path / "feed", on_read=tell)
    assert (CHUNK_BYTES, len(FEED)) in seen


def test_ends_when_its_caller_wants_no_more(serve: Serve, tmp_path: Path) -> None:
    def reply(server: LocalServer, connection: socket.socket) -> None:
        connection.sendall(http(FEED)[:-5])
        server.stopping.wait(100)

    def stop(received: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        download(serve(reply), tmp_path / "feed", on_read=stop)


def test_gives_up_on_a_server_that_stalls_but_not_on_a_slow_one(
    serve: Serve, tmp_path: Path
) -> None:
    def stall(server: LocalServer, connection: socket.socket) -> None:
        connection.sendall(http(FEED)[:-5])
        server.stopping.wait(100)

    def slowly(server: LocalServer, connection: socket.socket) -> None:
        connection.sendall(http(b"", "Transfer-Encoding: chunked"))
        for _ in range(8):
            server.stopping.wait(0.2)
            connection.sendall(b"1\r\nx\r\n")
        connection.sendall(b"0\r\n\r\n")

    with pytest.raises(FetchError, match=str(BROKEN_OFF)):
        download(serve(stall), tmp_path / "feed", limits=FetchLimits(100, stall_seconds=0.1))
    download(serve(slowly), tmp_path / "feed", limits=FetchLimits(100, stall_seconds=1.5))
    assert (tmp_path / "feed").read_bytes() == b"x" * 8


def test_sends_the_password_to_the_feeds_own_host_only(
    serve: Serve, tmp_path: Path, settings: Any
) -> None:
    mirror = serve(versioned(FEED, 'ETag: "a"'))
    server = serve(redirect(mirror.url))
    settings.FETCH_ALLOWED_HOSTS = hosts([server, mirror])
    settings.FETCH_HEADERS = {server.host: {"X-Token": "t"}, mirror.host: {"X-Token": "m"}}
    with (tmp_path / "feed").open("wb") as file:
        answer = fetch_feed(server.url, file, user="shop", password="pä:ss")
    assert (tmp_path / "feed").read_bytes() == FEED
    assert sent_with(server, "Authorization") == "Basic c2hvcDpww6Q6c3M="
    assert sent_with(server, "X-Token") == "t"
    assert sent_with(mirror, "Authorization") == ""
    assert sent_with(mirror, "X-Token") == "m"
    assert sent_with(mirror, "Accept-Encoding") == "gzip"
    with (tmp_path / "feed").open("wb") as file:
        assert not fetch_feed(server.url, file, validator=answer.validator).is_modified
    assert sent_with(server, "Authorization") == ""


def test_feed_may_be_larger_than_a_picture(
    serve: Serve, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "FEED_STALL_SECONDS", 100.0)
    settings.FEED_MAX_MB = 12
    server = serve(http(bytes(11 * 2**20)))
    settings.FETCH_ALLOWED_HOSTS = [server.host]
    with (tmp_path / "feed").open("wb") as file:
        fetch_feed(server.url, file)
    assert (tmp_path / "feed").stat().st_size == 11 * 2**20
    settings.FEED_MAX_MB = 10
    with (tmp_path / "feed").open("wb") as file, pytest.raises(FetchError, match="over 10 MB"):
        fetch_feed(server.url, file)
