"""Databases for the shops that tests open: SQLite, or PostgreSQL where the tests have that."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex
from shutil import copyfile
from typing import Any

import psycopg
from django.db import connection

ROOT = Path(__file__).parent.parent
Migrate = Callable[[Mapping[str, str]], None]

SERVER = os.environ.get("DATABASE_URL", "")


@contextmanager
def new_database() -> Iterator[str]:
    """The DATABASE_URL of an empty one; without PostgreSQL none, for each shop has a file."""
    if not SERVER.startswith("postgres"):
        yield ""
        return
    name = f"shop_{token_hex(8)}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{SERVER.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def copy_database(path: Path) -> Path | None:
    """Copy the test database of this process to a file.

    Return None on PostgreSQL, and where no selected test needs a database.
    """
    if connection.vendor != "sqlite" or not connection.is_in_memory_db():
        return None
    connection.ensure_connection()
    with closing(sqlite3.connect(path)) as copy:
        connection.connection.backup(copy)
    return path


def migrate_shop(environment: Mapping[str, str], *, template: Path | None) -> None:
    """Create the tables of the shop that has this environment: copying a database is faster."""
    if template:
        folder = Path(environment["VAR_DIR"])
        folder.mkdir(exist_ok=True)
        copyfile(template, folder / "db.sqlite3")
    else:
        command = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)  # noqa: S603


def ask(environment: Mapping[str, str], query: str) -> list[Any]:
    """The rows that a query gives in the database of the shop that has this environment."""
    url, file = environment["DATABASE_URL"], Path(environment["VAR_DIR"], "db.sqlite3")
    with closing(psycopg.connect(url) if url else sqlite3.connect(file, timeout=100)) as connection:
        return connection.execute(query).fetchall()


def change(environment: Mapping[str, str], statement: str) -> None:
    """Execute a statement in the database of the shop that has this environment."""
    url, file = environment["DATABASE_URL"], Path(environment["VAR_DIR"], "db.sqlite3")
    with closing(psycopg.connect(url) if url else sqlite3.connect(file, timeout=100)) as connection:
        connection.execute(statement)
        connection.commit()
