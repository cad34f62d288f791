"""Real servers on loopback, a resolver that leads any address to one of them, and fetching."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ssl import SSLContext
from threading import Event, Thread

import pytest

from catalog.fetching.fetcher import FetchError, FetchLimits, fetch

PICTURE = bytes(range(256)) * 400
LIMITS = FetchLimits(seconds=100, max_bytes=2**20)

Reply = Callable[["LocalServer", socket.socket], None]
Serve = Callable[[bytes | Reply], "LocalServer"]
Row = tuple[object, ...]  # as `socket.getaddrinfo` gives them
look_up = socket.getaddrinfo


def http(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    head = (f"HTTP/1.1 {status}", *(headers or (f"Content-Length: {len(body)}",)), "", "")
    return "\r\n".join(head).encode() + body


def versioned(body: bytes, *headers: str) -> Reply:
    """A reply that sends `body`, or 304 to a request with the ETag or date of these headers."""

    def reply(server: "LocalServer", connection: socket.socket) -> None:
        asked = sent_with(server, "If-None-Match") or sent_with(server, "If-Modified-Since")
        if asked and any(header.partition(": ")[2] == asked for header in headers):
            connection.sendall(http(b"", *headers, status="304 Not Modified"))
        else:
            connection.sendall(http(body, f"Content-Length: {len(body)}", *headers))

    return reply


def sent_with(server: "LocalServer", name: str) -> str:
    """The value of a header of the last request, "" if it was not sent."""
    lines = server.requests[-1].decode("latin-1").split("\r\n")
    values = [
        line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name.lower()}:")
    ]
    assert len(values) < 2
    return values[0] if values else ""


def redirect(location: str, *, status: str = "302 Found") -> bytes:
    return http(b"", f"Location: {location}", "Content-Length: 0", status=status)


class LocalServer:
    """Answers every request with the same bytes, or as the given function pleases."""

    def __init__(self, reply: bytes | Reply) -> None:
        self.reply = reply
        self.tls: SSLContext | None = None
        self.requests: list[bytes] = []
        self.connections = 0
        self.stopping = Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}/picture.png"
        self._threads = [Thread(target=self._listen)]
        self._threads[0].start()

    def stop(self) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _listen(self) -> None:
        with suppress(OSError):  # the listener is shut
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._threads.append(Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(100)
        with suppress(OSError), connection:  # the client left early
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            self.requests.append(connection.recv(65536))
            if callable(self.reply):
                self.reply(self, connection)
            else:
                connection.sendall(self.reply)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):  # closing with unread bytes would cut the answer short
                pass


@contextmanager
def running_servers() -> Iterator[Serve]:
    """Give a function that starts servers; they stop at the end."""
    servers: list[LocalServer] = []

    def start(reply: bytes | Reply) -> LocalServer:
        servers.append(LocalServer(reply))
        return servers[-1]

    try:
        yield start
    finally:  # otherwise a test that fails would never let the process end
        for server in servers:
            server.stop()


class Internet:
    """Stands in for `socket.getaddrinfo`: names resolve as told, every way out ends on loopback.

    `requests-hardened` asks without a port, and gets the address; urllib3 asks with one to
    connect, and is led to the server at `routes[address]`, or to the trap.
    """

    def __init__(self, trap: LocalServer) -> None:
        self.trap = trap
        self.names: dict[str, list[tuple[str, ...]]] = {}  # answers in turn; the last one stays
        self.routes: dict[str, LocalServer] = {}
        self.asked: list[str] = []

    def __call__(
        self, host: str, port: int | None, family: int = 0, type: int = 0, proto: int = 0
    ) -> list[Row]:
        self.asked.append(host)
        answers = self.names.get(host, [(host,)])
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        if port is None:
            return [row for address in addresses for row in numeric(address)]
        if port in (80, 443):
            port = self.routes.get(addresses[0], self.trap).port
        return [*look_up("127.0.0.1", port, type=type)]


def numeric(address: str) -> list[Row]:
    return [*look_up(address, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)]


def hosts(servers: list[LocalServer]) -> tuple[str, ...]:
    return tuple(server.host for server in servers)


def fetch_from(server: LocalServer) -> bytes:
    return fetch(server.url, limits=LIMITS, allowed_hosts=(server.host,)).body


def refusal(url: str, *, limits: FetchLimits = LIMITS, allowed_hosts: tuple[str, ...] = ()) -> str:
    try:
        fetch(url, limits=limits, allowed_hosts=allowed_hosts)
    except FetchError as error:
        return str(error)
    pytest.fail("it was fetched")


def refusal_of(server: LocalServer, *, limits: FetchLimits = LIMITS) -> str:
    return refusal(server.url, limits=limits, allowed_hosts=(server.host,))
