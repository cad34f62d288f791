"""gunicorn and nginx as they run in front of shoppers, and clients that behave oddly."""

import os
import resource
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from struct import pack
from typing import NamedTuple

import requests

from tests.tools import NGINX
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]
HEAD = "POST /api/search/ HTTP/1.1\r\nHost: localhost\r\n"
FORM = "Content-Type: multipart/form-data; boundary=b\r\n"
ORIGIN = "https://shop.example"  # whose scripts may use the API


class Answer(NamedTuple):
    status: int
    text: str


class Shared(NamedTuple):
    status: int
    origin: str  # "" if no script of another origin may read the answer


class Server:
    """A process that serves HTTP on a port of its own, until it is stopped."""

    def __init__(self, log: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = log

    def start(self, command: list[str], environment: dict[str, str], *, most: int = -1) -> None:
        """Start it and wait until it answers; its files have at most so many bytes."""

        def limit_files() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

        with self.log.open("a") as log:
            self.process = subprocess.Popen(  # noqa: S603
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, preexec_fn=limit_files
            )
        until(self._answers)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)

    def search(
        self,
        photo: bytes,
        name: str = "photo.jpg",
        kind: str = "image/jpeg",
        source: str = "127.0.0.1",
    ) -> Answer:
        """Upload a photo, from an address of this machine."""
        files = {"file": (name, photo, kind)}
        with requests.Session() as session:
            adapter = session.get_adapter(self.base)
            adapter.init_poolmanager(1, 1, source_address=(source, 0))  # type: ignore[attr-defined]
            url = f"{self.base}/api/search/"
            return answer_of(session.post(url, files=files, timeout=PATIENCE))

    def shared(
        self,
        method: str,
        path: str,
        origin: str = ORIGIN,
        source: str = "127.0.0.1",
        **headers: str,
    ) -> Shared:
        """Status of the answer to a script of another origin, and which origin may read it."""
        connection = HTTPConnection("127.0.0.1", self.port, PATIENCE, (source, 0))
        with closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            prefix = self.base.partition(str(self.port))[2]
            connection.request(method, prefix + path, headers={"Origin": origin} | named)
            response = connection.getresponse()
            response.read()
            allowed = response.headers.get_all("Access-Control-Allow-Origin", [])
            return Shared(response.status, ", ".join(allowed))

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """A connection from an address of this machine, all of 127.0.0.0/8."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE, (source, 0))

    def say(self, *words: str) -> Answer:
        """The answer to these bytes."""
        with self.connect() as connection:
            connection.sendall("".join(words).encode("latin-1"))
            return heard(connection)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.base}/healthz", timeout=PATIENCE).status_code < 600
        except requests.ConnectionError:
            assert self.process.poll() is None, self.log.read_text()
            return False


class Gunicorn(Server):
    """`gunicorn visualsearch.wsgi` with its settings file, and nothing else."""

    def __init__(self, environment: dict[str, str], log: Path, *, most: int = -1) -> None:
        super().__init__(log)
        command = [sys.executable, "-m", "gunicorn", "--config=python:visualsearch.gunicorn"]
        self.start([*command, f"--bind=127.0.0.1:{self.port}"], environment, most=most)

    @property
    def worker(self) -> Path:
        """What the system says of the process that answers."""
        return Path("/proc", str(min(self.children())))

    def children(self) -> set[int]:
        """The ids of the processes that answer."""
        pid = self.process.pid
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def reload(self) -> None:
        """Have new processes take over from those there are."""
        self.process.send_signal(signal.SIGHUP)


class Nginx(Server):
    """nginx with the configuration in the docs, but for its ports and folders.

    With a prefix, the command in the docs has put it before the paths. With a folder of static
    files, these are served without asking gunicorn.
    """

    def __init__(
        self,
        folder: Path,
        media: Path,
        gunicorn_port: int,
        prefix: str = "",
        static: Path | None = None,
    ) -> None:
        super().__init__(folder / "output.log")
        self.base += prefix
        self.bodies = folder / "bodies"
        text = (ROOT / "docs/deploy/nginx.conf").read_text()
        for shipped, ours in {
            "listen 80;": f"listen 127.0.0.1:{self.port};",
            '# "https://shop.example" $http_origin;': f'"{ORIGIN}" $http_origin;',
            "server web:8000;": f"server 127.0.0.1:{gunicorn_port};",
            "alias /data/media/;": f"alias {media}/;",
            "/var/cache/nginx/": f"{folder}/",
            "/var/log/nginx/": f"{folder}/",
        }.items():
            assert shipped in text
            text = text.replace(shipped, ours)
        if static:
            passed = "location /static/ {\n            proxy_pass http://gunicorn;"
            assert passed in text
            served = f"location /static/ {{ alias {static}/; include /etc/nginx/mime.types;"
            served += " add_header Access-Control-Allow-Origin *;"
            text = text.replace(passed, served)
        conf = folder / "nginx.conf"
        conf.write_text(text)
        if prefix:
            command = next(line for line in text.splitlines() if line.startswith("#   sed "))
            words = shlex.split(command.removeprefix("#").replace("/visual-search", prefix))
            subprocess.run(words, cwd=folder, check=True)  # noqa: S603
        # Workers of another user could not read what pytest keeps in its folders.
        options = f"daemon off; pid {folder}/pid; {'user root;' * (os.geteuid() == 0)}"
        self.start([NGINX.path(), "-c", str(conf), "-g", options], dict(os.environ))


def answer_of(response: requests.Response) -> Answer:
    return Answer(response.status_code, response.text)


def heard(connection: socket.socket) -> Answer:
    """The answer that comes over a connection, until it is closed."""
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        length = 0
        while line := stream.readline().strip():
            name, _, value = line.lower().partition(b":")
            length = int(value) if name == b"content-length" else length
        return Answer(status, stream.read(length).decode())


def stall(server: Server, words: str, *, sources: tuple[str, ...], times: int) -> ExitStack:
    """Connections from these addresses in turn that say so much and no more, until closed."""
    open_ones = ExitStack()
    for number in range(times):
        connection = server.connect(sources[number % len(sources)])
        open_ones.enter_context(connection)
        connection.sendall(words.encode())
    return open_ones


def reset(connection: socket.socket) -> None:
    """Close it as a process does that is killed with unread bytes: there is no goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    connection.close()
