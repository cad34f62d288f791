"""Keeps photos on disk: one file per entry, and an index in SQLite that counts their bytes.

The entries are files of their own, because removing a file works on a full disk and returns its
space at once. Whoever writes holds the index's lock, so all processes of a machine count exactly.
"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from math import ceil
from pathlib import Path

from catalog.files import replace_file

INDEX = "index.sqlite3"
INDEX_FILES = {INDEX, f"{INDEX}-journal"}
LEVELS = 128  # see `Store`
PATIENCE = 1.0  # seconds that a writer waits for another one
BLOCK = 4096  # bytes; files take whole blocks on disk
ROW = 512  # bytes of an entry in the index, and in the folder
# The sums are kept by triggers; the client "" stands for all clients together.
SCHEMA = """
    CREATE TABLE kept (
        name TEXT PRIMARY KEY, client TEXT NOT NULL, bytes INTEGER NOT NULL, expires REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX kept_age ON kept (client, expires);
    CREATE INDEX kept_expiry ON kept (expires);
    CREATE TABLE held (
        since INTEGER PRIMARY KEY, client TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL
    );
    CREATE TRIGGER put AFTER INSERT ON kept BEGIN
        INSERT INTO held (client, bytes) VALUES (NEW.client, NEW.bytes), ('', NEW.bytes)
        ON CONFLICT (client) DO UPDATE SET bytes = bytes + excluded.bytes;
    END;
    CREATE TRIGGER removed AFTER DELETE ON kept BEGIN
        UPDATE held SET bytes = bytes - OLD.bytes WHERE client IN (OLD.client, '');
        DELETE FROM held WHERE client IN (OLD.client, '') AND bytes = 0;
    END;
"""
HELD = "SELECT COALESCE(SUM(bytes), 0) FROM held WHERE client = ?"
RANKED = "CREATE INDEX held_rank ON held (bytes / {level} DESC, since) WHERE client <> ''"
FIRST = "SELECT client FROM held WHERE client <> '' ORDER BY bytes / {level} DESC, since LIMIT 1"
REMOVE_OLDEST = """
    DELETE FROM kept WHERE name = (
        SELECT name FROM kept WHERE client = ? ORDER BY expires LIMIT 1
    ) RETURNING name
"""
# What SQLite reports of an index that is damaged, or that another release has made.
DAMAGE = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
}


class PhotoFiles:
    """Entries in a folder, within `budget` bytes, of which one client has at most `share`.

    They also leave `reserve` bytes of the disk free.
    """

    def __init__(self, folder: Path, *, budget: int, share: int, reserve: int) -> None:
        self._folder = folder
        self._budget = budget
        self._share = share
        self._level = ceil(budget / LEVELS)
        self._reserve = reserve

    def put(self, name: str, data: bytes, *, client: str, expires: float, now: float) -> None:
        """See `Store`. Raises OSError."""
        size = ceil(len(data) / BLOCK) * BLOCK + ROW
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / name
        with self._index() as index:
            room = self._room(index)
            if size > min(room, self._share):
                raise OSError(errno.ENOSPC, "There is no room for this photo within the limits.")
            index.execute("DELETE FROM kept WHERE name = ?", (name,))
            self._remove_beyond(index, self._share - size, client)
            self._remove_beyond(index, room - size)
            index.execute("INSERT INTO kept VALUES (?, ?, ?, ?)", (name, client, size, expires))
            # Not synced: a photo that a power cut tears is only missing from the cache.
            with replace_file(path, sync=False) as aside:
                aside.write_bytes(data)
                os.utime(aside, (expires, expires))

    def get(self, name: str) -> bytes:
        """See `Store`. Raises OSError."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return b""

    def sweep(self, now: float) -> None:
        """See `Store`. Raises OSError."""
        if not self._folder.exists():
            return
        # First without the index, which may be damaged; a file's time is when it expires.
        self._unlink(name for name, expires in self._files() if expires <= now)
        with self._index() as index:
            # Nobody else writes while the index is locked, so files that it lacks are left over.
            files = {entry.name for entry in os.scandir(self._folder)} - INDEX_FILES
            live = index.execute("SELECT name FROM kept WHERE expires > ?", (now,))
            names = {name for (name,) in live}
            self._unlink(files - names)
            index.execute("DELETE FROM kept WHERE expires <= ?", (now,))
            lost = [(name,) for name in names - files]
            index.executemany("DELETE FROM kept WHERE name = ?", lost)
            self._remove_beyond(index, self._room(index))

    def _room(self, index: sqlite3.Connection) -> int:
        """The bytes that all entries may have, so that the disk keeps its reserve."""
        held = _held(index)
        return min(self._budget, held + shutil.disk_usage(self._folder).free - self._reserve)

    def _remove_beyond(self, index: sqlite3.Connection, limit: int, client: str = "") -> None:
        """Remove the oldest entries of a client, or of whoever holds the most."""
        while _held(index, client) > max(limit, 0):
            first = index.execute(FIRST.format(level=self._level)).fetchone()
            holder = (client,) if client else first or ("",)
            removed = index.execute(REMOVE_OLDEST, holder).fetchone()
            if removed is None:
                self._unlink(INDEX_FILES)
                raise OSError("The index of kept photos counts more than it has.")
            self._unlink(removed)

    def _files(self) -> Iterator[tuple[str, float]]:
        """The names of complete entries, and when each expires."""
        for entry in os.scandir(self._folder):
            if "." not in entry.name:
                with suppress(FileNotFoundError):  # another process removed it
                    yield entry.name, entry.stat().st_mtime

    def _unlink(self, names: Iterable[str]) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    @contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        """The index, locked until the block ends. One that is damaged is removed. Raises OSError.

        The next sweep then removes the files, too.
        """
        path = self._folder / INDEX
        try:
            with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as index:
                index.execute("PRAGMA synchronous = OFF")
                index.execute("BEGIN IMMEDIATE")
                if (level := index.execute("PRAGMA user_version").fetchone()[0]) != self._level:
                    for statement in [] if level else _statements(SCHEMA):
                        index.execute(statement)
                    index.execute("DROP INDEX IF EXISTS held_rank")
                    index.execute(RANKED.format(level=self._level))
                    index.execute(f"PRAGMA user_version = {self._level}")
                yield index
                index.execute("COMMIT")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGE:
                self._unlink(INDEX_FILES)
            raise OSError(f"The index of kept photos can't be used: {error}.") from error


def _held(index: sqlite3.Connection, client: str = "") -> int:
    return int(index.execute(HELD, (client,)).fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """The statements one by one: `executescript` would commit, and so release the lock."""
    statement = ""
    for line in script.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
