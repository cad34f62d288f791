"""Which headers go to which host."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from catalog.fetching.fetcher import fetch
from catalog.fetching.hosts import InvalidHeaders, read_headers
from catalog.fetching.remote import fetch_catalog_picture, fetch_picture
from catalog.pictures.stored import image_limits
from tests.catalog.local_servers import (
    LIMITS,
    PICTURE,
    LocalServer,
    Serve,
    hosts,
    http,
    redirect,
    sent_with,
)
from visualsearch.settings import VERSION

SECRET = "s3cret-token"


def sent(server: LocalServer, headers: Any, *others: LocalServer) -> str:
    allowed = hosts([server, *others])
    fetch(server.url, limits=LIMITS, allowed_hosts=allowed, host_headers=headers)
    return sent_with(server, "X-Token")


def test_says_who_asks_and_what_the_gate_reads(serve: Serve, settings: Any) -> None:
    server = serve(http(PICTURE))
    settings.FETCH_ALLOWED_HOSTS = [server.host]
    fetch_picture(server.url)
    assert sent_with(server, "User-Agent") == f"Mozilla/5.0 (compatible; visualsearch/{VERSION})"
    accepted = sent_with(server, "Accept").split(",")
    assert accepted == [*(f"image/{name.lower()}" for name in image_limits().formats), "*/*;q=0.1"]
    settings.FETCH_USER_AGENT = "Shop Robot/7 (+https://shop.example/robot)"
    fetch_catalog_picture(server.url)
    assert sent_with(server, "User-Agent") == "Shop Robot/7 (+https://shop.example/robot)"


def test_sends_headers_to_the_named_host_only(serve: Serve) -> None:
    server, other = serve(http(PICTURE)), serve(http(PICTURE))
    headers = {server.host: {"X-Token": SECRET}}
    assert sent(server, headers) == SECRET
    assert sent(other, headers) == ""
    # The port is part of the name, unless it is a usual one.
    assert sent(server, {"127.0.0.1": {"X-Token": SECRET}}) == ""


def test_does_not_send_them_along_a_redirect(serve: Serve) -> None:
    other = serve(http(PICTURE))
    first = serve(redirect(other.url))
    back = serve(redirect(first.url))
    headers = {first.host: {"X-Token": SECRET}}
    assert sent(back, headers, first, other) == ""
    assert sent_with(first, "X-Token") == SECRET
    assert sent_with(other, "X-Token") == ""


def test_sends_nothing_once_a_redirect_has_left_https(
    serve: Serve, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    plain = serve(http(PICTURE))
    safe = serve(redirect(plain.url))
    safe.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    safe.tls.load_cert_chain(certificate)
    safe.url = safe.url.replace("http:", "https:")
    headers = {name: {"X-Token": SECRET} for name in hosts([safe, plain])}
    assert sent(safe, headers, plain) == SECRET
    assert sent_with(plain, "X-Token") == ""


def test_lets_a_host_have_a_user_agent_of_its_own(serve: Serve, settings: Any) -> None:
    server = serve(http(PICTURE))
    settings.FETCH_ALLOWED_HOSTS = [server.host]
    settings.FETCH_HEADERS = {server.host: {"user-agent": "Other/1"}}
    fetch_catalog_picture(server.url)
    assert sent_with(server, "User-Agent") == "Other/1"


def test_sends_a_stranger_s_request_without_the_shop_s_token(serve: Serve, settings: Any) -> None:
    server = serve(http(PICTURE))
    settings.FETCH_ALLOWED_HOSTS = [server.host]
    own = {"Referer": "https://shop.example/", "Authorization": SECRET}
    settings.FETCH_HEADERS = {server.host: own}
    fetch_picture(server.url)
    assert sent_with(server, "Referer") == "https://shop.example/"
    assert sent_with(server, "Authorization") == ""
    fetch_catalog_picture(server.url)
    assert sent_with(server, "Authorization") == SECRET


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("", {}),
        (" ", {}),
        ("{}", {}),
        ('{"CDN.shop.example": {"Referer": "https://shop.example/"}}',
         {"cdn.shop.example": {"Referer": "https://shop.example/"}}),
        ('{"10.0.0.7:8080": {"X-Key": "a b"}, "[fd00::7]": {}}',
         {"10.0.0.7:8080": {"X-Key": "a b"}, "[fd00::7]": {}}),
    ],
)  # fmt: skip
def test_reads_headers_by_host(text: str, headers: dict[str, dict[str, str]]) -> None:
    assert read_headers(text) == headers


def of_host(headers: str) -> str:
    return f'{{"cdn.shop.example": {headers}}}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cdn.shop.example: Referer", "Write JSON"),
        ("[" * 100_000, "Write JSON"),
        ('{"a.example": {}, "A.example": {}}', "without repeats"),
        (of_host('{"Referer": "a", "referer": "b"}'), "without repeats"),
        ("[]", "Write headers by host"),
        ("7", "Write headers by host"),
        (of_host('"Referer"'), "Write headers by host"),
        ('{"https://cdn.shop.example/": {}}', "Write it alone"),
        ('{"*.shop.example": {}}', "Write it alone"),
        ('{"cdn.shop.example.": {}}', "Write it alone"),
        ('{"": {}}', "Write it alone"),
        *(
            (of_host(f'{{"{name}": "{SECRET}"}}'), r"The header .* can't be sent")
            for name in (
                *("Host", "host", "Content-Length", "Content-Type", "Cookie", "COOKIE", "Cookie2"),
                *("Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
                *("Proxy-Authorization", "Expect", "Range", "If-None-Match", "If-Modified-Since"),
                *("Accept-Encoding", "", " ", "A B", "A:", "X\\r\\nHost", "\\u00e9", "x" * 101),
            )
        ),
        *(
            (of_host(f'{{"X-Token": {value}}}'), "The value of X-Token can't be sent")
            for value in (
                *(f'"{SECRET}\\r\\nHost: x"', f'"{SECRET}\\n x"', f'"{SECRET}\\u0000"'),
                *(f'" {SECRET}"', f'"{SECRET} "', f'"{SECRET}\\u00e9"', '""', "7", "null"),
                *("[]", f'"{SECRET * 400}"'),
            )
        ),
    ],
)
def test_refuses_headers_with_a_sentence_and_no_value(text: str, reason: str) -> None:
    with pytest.raises(InvalidHeaders, match=reason) as caught:
        read_headers(text)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
