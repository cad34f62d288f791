"""Databases for the shops that tests open: SQLite, or PostgreSQL where the tests have that."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg

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


def ask(environment: Mapping[str, str], query: str) -> list[Any]:
    """The rows that a query gives in the database of the shop that has this environment."""
    url, file = environment["DATABASE_URL"], Path(environment["VAR_DIR"], "db.sqlite3")
    with closing(psycopg.connect(url) if url else sqlite3.connect(file, timeout=100)) as connection:
        return connection.execute(query).fetchall()
