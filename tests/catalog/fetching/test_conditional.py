"""Asking only for what has changed, and what may serve as a validator."""

import socket

import pytest

from catalog.fetching.fetcher import Answer, fetch
from tests.catalog.local_servers import (
    LIMITS,
    PICTURE,
    LocalServer,
    Serve,
    hosts,
    http,
    redirect,
    refusal_of,
    sent_with,
    versioned,
)

NOW = "Date: Thu, 26 Nov 2026 12:00:00 GMT"
LONG_AGO = "Mon, 02 Nov 2026 08:00:00 GMT"


def ask(server: LocalServer, validator: str = "", *others: LocalServer) -> Answer:
    return fetch(
        server.url, limits=LIMITS, allowed_hosts=hosts([server, *others]), validator=validator
    )


@pytest.mark.parametrize("etag", ['"a1"', 'W/"a1"', '"5f-62:x/+,=\'"', f'"{"x" * 150}"'])
def test_does_not_load_again_what_has_its_etag(serve: Serve, etag: str) -> None:
    server = serve(versioned(PICTURE, f"ETag: {etag}", NOW, f"Last-Modified: {LONG_AGO}"))
    first = ask(server)
    assert first == Answer(PICTURE, etag)
    assert sent_with(server, "If-None-Match") == sent_with(server, "If-Modified-Since") == ""
    assert ask(server, first.validator) == Answer(b"", etag, is_modified=False)
    assert sent_with(server, "If-None-Match") == etag
    assert not sent_with(server, "If-Modified-Since"), "an older file may have replaced it"


def test_loads_what_has_another_etag_now(serve: Serve) -> None:
    server = serve(versioned(PICTURE, 'ETag: "a2"'))
    assert ask(server, '"a1"') == Answer(PICTURE, '"a2"')


@pytest.mark.parametrize(
    "etag",
    [
        *("a1", "*", '"a', 'a"', '""', 'w/"a"', "'a'", '"a" "b"', '"a", "b"', '"a"b"', '"a b"'),
        *(f'"{"x" * 151}"', '"é"', '"\x01"', '"\x7f"', ""),
    ],
)
def test_takes_no_etag_that_is_none(serve: Serve, etag: str) -> None:
    server = serve(http(PICTURE, "Connection: close", f"ETag: {etag}"))
    assert ask(server) == Answer(PICTURE)


def test_takes_none_of_two_etags(serve: Serve) -> None:
    assert ask(serve(http(b"abc", "Connection: close", 'ETag: "a"', 'ETag: "b"'))).validator == ""


def test_goes_by_the_date_where_there_is_no_etag(serve: Serve) -> None:
    server = serve(versioned(PICTURE, NOW, f"Last-Modified: {LONG_AGO}"))
    assert ask(server) == Answer(PICTURE, LONG_AGO)
    assert ask(server, LONG_AGO) == Answer(b"", LONG_AGO, is_modified=False)
    assert sent_with(server, "If-Modified-Since") == LONG_AGO
    assert not sent_with(server, "If-None-Match")


@pytest.mark.parametrize(
    ("modified", "now"),
    [
        (LONG_AGO, "Connection: close"),  # without a Date, its clock is unknown
        (LONG_AGO, "Date: today"),
        ("Thu, 26 Nov 2026 11:59:30 GMT", NOW),  # it may change once more in that second
        ("Fri, 27 Nov 2026 12:00:00 GMT", NOW),
        ("Thu, 01 Jan 1970 00:00:01 GMT", NOW),
        ("Tue, 31 Feb 2026 12:00:00 GMT", NOW),
        ("Mon, 02 Nov 2026 99:00:00 GMT", NOW),
        ("Monday, 02-Nov-26 08:00:00 GMT", NOW),
        ("Mon, 02 Nov 2026 08:00:00 +0200", NOW),
        ("2026-11-02T08:00:00Z", NOW),
        ("yesterday", NOW),
        ("0", NOW),
    ],
)
def test_takes_no_date_that_says_nothing(serve: Serve, modified: str, now: str) -> None:
    head = (f"Content-Length: {len(PICTURE)}", f"Last-Modified: {modified}", now)
    assert ask(serve(http(PICTURE, *head))) == Answer(PICTURE)


def test_trusts_the_clock_of_the_server(serve: Serve) -> None:
    head = ("Content-Length: 3", "Last-Modified: Mon, 01 Mar 2049 08:00:00 GMT")
    server = serve(http(b"abc", *head, "Date: Tue, 02 Mar 2049 08:00:00 GMT"))
    assert ask(server).validator == "Mon, 01 Mar 2049 08:00:00 GMT"


def test_loads_again_from_a_server_that_ignores_the_question(serve: Serve) -> None:
    server = serve(http(PICTURE, f"Content-Length: {len(PICTURE)}", 'ETag: "a"'))
    assert ask(server, '"a"') == Answer(PICTURE, '"a"')


def test_refuses_not_modified_where_nobody_asked(serve: Serve) -> None:
    server = serve(http(b"", 'ETag: "a"', status="304 Not Modified"))
    assert refusal_of(server) == "The server answered 304 for this address."


def test_follows_a_redirect_with_the_etag_and_without_the_date(serve: Serve) -> None:
    tagged = serve(versioned(PICTURE, 'ETag: "a"'))
    dated = serve(versioned(PICTURE, NOW, f"Last-Modified: {LONG_AGO}"))
    to_tagged, to_dated = serve(redirect(tagged.url)), serve(redirect(dated.url))
    assert ask(to_tagged, "", tagged) == Answer(PICTURE, '"a"')
    assert not ask(to_tagged, '"a"', tagged).is_modified
    # The redirect may lead to another file than last time, and to one that is older.
    assert ask(to_dated, "", dated) == Answer(PICTURE)
    assert ask(to_dated, LONG_AGO, dated) == Answer(PICTURE)
    assert refusal_of(serve(redirect("/", status="304 Not Modified")))


def test_refuses_not_modified_after_a_redirect_that_dropped_the_date(serve: Serve) -> None:
    stubborn = serve(http(b"", "Connection: close", status="304 Not Modified"))
    first = serve(redirect(stubborn.url))
    assert "304" in refusal(first, LONG_AGO, stubborn)


def refusal(server: LocalServer, validator: str, *others: LocalServer) -> str:
    with pytest.raises(Exception, match="The server answered") as caught:
        ask(server, validator, *others)
    return str(caught.value)


def test_is_not_confused_by_a_body_after_not_modified(serve: Serve) -> None:
    def reply(server: LocalServer, connection: socket.socket) -> None:
        connection.sendall(http(PICTURE, status="304 Not Modified"))

    assert ask(serve(reply), '"a"') == Answer(b"", '"a"', is_modified=False)
