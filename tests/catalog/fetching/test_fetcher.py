"""Where `fetch` connects, and where it refuses to."""

import socket
import ssl
from pathlib import Path

import pytest

from catalog.fetching import fetcher
from catalog.fetching.fetcher import fetch
from tests.catalog.local_servers import (
    LIMITS,
    PICTURE,
    Internet,
    LocalServer,
    Serve,
    fetch_from,
    hosts,
    http,
    redirect,
    refusal,
    refusal_of,
)

REFUSED, UNREACHABLE = str(fetcher.REFUSED), str(fetcher.UNREACHABLE)
TOO_MANY = "This address is redirected more than 3 times."


@pytest.fixture
def internet(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Internet:
    internet = Internet(trap=serve(http(b"secret")))
    monkeypatch.setattr(socket, "getaddrinfo", internet)
    return internet


def test_returns_the_body(serve: Serve) -> None:
    assert fetch_from(serve(http(PICTURE))) == PICTURE


def test_returns_an_empty_body(serve: Serve) -> None:
    assert fetch_from(serve(http(b""))) == b""


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_asks_a_public_host_under_its_name(serve: Serve, internet: Internet, address: str) -> None:
    internet.names["shop.test"] = [(address,)]
    internet.routes[address.removeprefix("::ffff:")] = server = serve(http(PICTURE))

    assert fetch("http://Shop.test./a%20b.png?c=d#e", limits=LIMITS).body == PICTURE
    assert server.requests[0].startswith(b"GET /a%20b.png?c=d HTTP/1.1\r\n")
    assert b"\r\nHost: shop.test\r\n" in server.requests[0]


@pytest.mark.parametrize(
    "host",
    ["8.8.8.8", "134744072", "0x8.0x8.0x8.0x8", "010.8.8.8", "[2606:4700::1111]", "100.128.0.0"],
)
def test_lets_public_addresses_through(internet: Internet, host: str) -> None:
    assert fetch(f"http://{host}/", limits=LIMITS).body == b"secret"


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1.", "127.1", "0x7f.1", "0x7f000001", "2130706433"),
        *("017700000001", "0177.0.0.1", "0", "0.0.0.0", "127.255.255.254", "%31%32%37.0.0.1"),  # noqa: S104
        *("10.0.0.1", "100.64.0.0", "100.100.100.200", "100.127.255.255", "168.63.129.16"),
        *("169.254.169.254", "0xa9fea9fe", "2852039166", "172.16.0.1", "192.168.1.1"),
        *("192.0.0.9", "192.88.99.1", "198.18.0.1", "224.0.0.1", "255.255.255.255"),
        *("[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]"),
        *("[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::1]"),
        *("[64:ff9b::8.8.8.8]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[2001:db8::1]"),
        *("[2606:4700::5efe:127.0.0.1]", "[5f00::1]", "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]"),
        *("[fec0::1]", "[ff02::1]", "[3fff::1]", "[100::1]", "[2001:20::1]"),
    ],
)
def test_refuses_hosts_that_are_not_public(internet: Internet, host: str) -> None:
    assert refusal(f"http://{host}/") == REFUSED
    assert refusal(f"https://{host}/") == REFUSED
    assert internet.trap.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        *("", "/picture.png", "shop.test", "//shop.test/", "http:shop.test", "http:///a.png"),
        *("http://", "http://:80/", "ftp://shop.test/", "file:///etc/passwd", "gopher://shop.test"),
        *("data:image/png;base64,AA==", "javascript:alert(1)", "http+unix://shop.test/"),
        *("http://shop.test:22/", "http://shop.test:8080/", "http://shop.test:0/"),
        *("http://shop.test:65616/", "http://shop.test:-80/", "http://shop.test:8o/"),
        *("http://me@shop.test/", "http://me:word@shop.test/"),
        *("http://127.0.0.1\\@shop.test/", "http://shop.test\\@127.0.0.1/", "http:\\\\shop.test"),
        *("http://shop.test/\r\nHost: x", "http://shop.test/\x00", "http://shop.test\t/"),
        *(" http://shop.test/", "http://shop.test/ ", "http://shop .test/", "http://shop.test/a b"),
        *("http://[fe80::1%25eth0]/", "http://[2606:4700::1111%eth0]/", "http://[::1/"),
        *("http://shop.test../", "http://.shop.test/", "http://shop..test/", "http://*.test/"),
        *("http://shop%2etest%5c/", "http://shop.test%00/", f"http://{'a' * 64}.test/"),
        *("http://\uff11\uff12\uff17.0.0.1/", "http://\u2460\u2461\u2466.0.0.1/"),
        *("http://127\u30020\u30020\u30021/", "http://\u202eshop.test/", "http://[v1.a]/"),
    ],
)
def test_refuses_what_is_no_plain_web_address(internet: Internet, url: str) -> None:
    internet.names["shop.test"] = [("8.8.8.8",)]
    assert refusal(url) == REFUSED
    assert internet.trap.connections == 0


def test_reads_international_names(serve: Serve, internet: Internet) -> None:
    internet.names["xn--bcher-kva.test"] = [("8.8.8.8",)]
    assert fetch("http://Bücher.test/", limits=LIMITS).body == b"secret"


def test_refuses_names_that_point_inside(internet: Internet) -> None:
    internet.names = {"inside.test": [("10.1.2.3",)], "localhost": [("127.0.0.1", "::1")]}

    assert refusal("http://inside.test/") == refusal("https://LOCALHOST/") == REFUSED
    assert internet.trap.connections == 0


def test_says_the_same_of_names_that_do_not_exist(internet: Internet) -> None:
    assert refusal("http://nowhere.test/") == REFUSED


def test_connects_to_none_but_the_first_address_of_a_name(serve: Serve, internet: Internet) -> None:
    internet.names["shop.test"] = [("8.8.8.8", "127.0.0.1")]
    internet.names["mixed.test"] = [("127.0.0.1", "8.8.8.8")]
    internet.routes["8.8.8.8"] = serve(http(PICTURE))

    assert fetch("http://shop.test/", limits=LIMITS).body == PICTURE
    assert refusal("http://mixed.test/") == REFUSED
    assert internet.trap.connections == 0


def test_connects_to_the_address_it_checked(serve: Serve, internet: Internet) -> None:
    internet.names["rebind.test"] = [("8.8.8.8",), ("127.0.0.1",)]
    internet.routes["8.8.8.8"] = serve(http(PICTURE))

    assert fetch("http://rebind.test/", limits=LIMITS).body == PICTURE
    assert internet.asked.count("rebind.test") == 1
    assert internet.trap.connections == 0


def test_checks_a_name_anew_at_each_redirect(serve: Serve, internet: Internet) -> None:
    internet.names["rebind.test"] = [("8.8.8.8",), ("127.0.0.1",)]
    internet.routes["8.8.8.8"] = serve(redirect("http://rebind.test/again"))

    assert refusal("http://rebind.test/") == REFUSED
    assert internet.trap.connections == 0


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize(
    "target",
    [
        *("http://127.0.0.1/", "http://localhost/", "//[::1]/", "http://2130706433/"),
        *("http://8.8.8.8:22/", "ftp://8.8.8.8/", "file:///etc/passwd", "http://me@8.8.8.8/"),
        *("http://[::1", "http://127.0.0.1\\@8.8.8.8/", "http://8.8.8.8/a b"),
    ],
)
def test_checks_every_redirect(serve: Serve, internet: Internet, target: str, hops: int) -> None:
    internet.names["localhost"] = [("127.0.0.1",)]
    servers = [serve(redirect(target))]
    for _ in range(hops - 1):
        servers.append(serve(redirect(servers[-1].url)))

    assert refusal(servers[-1].url, allowed_hosts=hosts(servers)) == REFUSED
    assert [server.connections for server in servers] == [1] * hops
    assert internet.trap.connections == 0


def test_follows_three_redirects_and_no_more(serve: Serve) -> None:
    servers = [serve(http(PICTURE))]
    for status in ("301 Moved", "303 See Other", "307 Temporary", "308 Permanent"):
        servers.append(serve(redirect(servers[-1].url, status=status)))

    assert fetch(servers[3].url, limits=LIMITS, allowed_hosts=hosts(servers)).body == PICTURE
    assert refusal(servers[4].url, allowed_hosts=hosts(servers)) == TOO_MANY
    assert servers[0].connections == 1


def test_ends_redirect_loops(serve: Serve) -> None:
    server = serve(redirect("/picture.png"))

    assert refusal_of(server) == TOO_MANY
    assert server.connections == 4


def test_follows_relative_redirects_in_utf_8(serve: Serve) -> None:
    def reply(server: LocalServer, connection: socket.socket) -> None:
        first = len(server.requests) == 1
        connection.sendall(redirect("../é.png?a=b") if first else http(PICTURE))

    server = serve(reply)
    assert fetch_from(server) == PICTURE
    assert server.requests[1].startswith(b"GET /%C3%A9.png?a=b HTTP/1.1\r\n")


def test_allows_named_hosts_on_the_named_port_only(serve: Serve, internet: Internet) -> None:
    server, other = serve(http(PICTURE)), serve(http(b"other"))
    internet.names["images.lan"] = [("10.0.0.5",)]
    internet.routes["10.0.0.5"] = server

    allowed = ("Images.lan", server.host)
    assert fetch("http://images.lan/", limits=LIMITS, allowed_hosts=allowed).body == PICTURE
    assert fetch(server.url, limits=LIMITS, allowed_hosts=allowed).body == PICTURE
    for url in (other.url, f"http://images.lan:{other.port}/", "http://127.0.0.1/"):
        assert refusal(url, allowed_hosts=allowed) == REFUSED
    assert other.connections == internet.trap.connections == 0


def test_needs_the_port_where_one_is_named(internet: Internet) -> None:
    assert (
        fetch("http://10.0.0.5/", limits=LIMITS, allowed_hosts=("10.0.0.5:80",)).body == b"secret"
    )
    assert refusal("https://10.0.0.5/", allowed_hosts=("10.0.0.5:80",)) == REFUSED


def test_allows_an_ipv6_address_in_brackets(internet: Internet) -> None:
    assert fetch("http://[::1]:80/", limits=LIMITS, allowed_hosts=("[::1]",)).body == b"secret"


def test_holds_certificates_to_the_name_asked_for(
    serve: Serve, internet: Internet, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    internet.names = {"shop.test": [("8.8.8.8",)], "other.test": [("8.8.8.8",)]}
    internet.routes["8.8.8.8"] = server = serve(http(PICTURE))
    server.tls = tls

    assert refusal("https://shop.test/") == UNREACHABLE
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    assert fetch("https://shop.test/", limits=LIMITS).body == PICTURE
    assert refusal("https://other.test/") == refusal("https://8.8.8.8/") == UNREACHABLE
    assert [request[:5] for request in server.requests if request] == [b"GET /"]


def test_heeds_no_proxy_and_no_netrc(
    serve: Serve, internet: Internet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password word")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{internet.trap.host}")
    server = serve(http(PICTURE))

    assert fetch_from(server) == PICTURE
    assert b"authorization" not in server.requests[0].lower()
    assert refusal("http://127.0.0.1/") == REFUSED
    assert internet.trap.connections == 0


def test_carries_no_cookies(serve: Serve) -> None:
    target = redirect("/picture.png").replace(b"Location", b"Set-Cookie: a=b\r\nLocation")
    server = serve(target)
    refusal_of(server)
    assert not any(b"cookie" in request.lower() for request in server.requests)
