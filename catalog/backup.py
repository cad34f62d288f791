"""A copy of the catalog, made while the shop goes on."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.db import connection


class NotCopied(Exception):
    """The catalog can't be copied by this; the message says what can."""


def back_up(folder: Path) -> None:
    """Copy the database and the pictures that the folder lacks. Raises NotCopied, OSError.

    Pictures are copied before and after: one that is removed meanwhile, and one that is added, are
    then there for the rows that had them. A picture never changes under its name.
    """
    if connection.vendor != "sqlite":
        raise NotCopied("This copies SQLite. For PostgreSQL use pg_dump: docs/operations.md.")
    folder.mkdir(parents=True, exist_ok=True)
    _copy_pictures(folder / "media")
    _copy_database(folder / "db.sqlite3")
    _copy_pictures(folder / "media")


def _copy_pictures(folder: Path) -> None:
    media = Path(settings.MEDIA_ROOT)
    for file in media.rglob("*"):
        copy = folder / file.relative_to(media)
        if copy.exists() or file.is_dir():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        _copy_picture(file, copy)


def _copy_picture(file: Path, copy: Path) -> None:
    aside = copy.with_name(f"{copy.name}.copy")
    try:
        shutil.copy2(file, aside)
    except FileNotFoundError:  # nobody needs it any more
        return
    aside.replace(copy)


def _copy_database(copy: Path) -> None:
    """By SQLite's own means, which take in what is committed and still in the journal."""
    aside = copy.with_name(f"{copy.name}.copy")
    aside.unlink(missing_ok=True)
    connection.ensure_connection()
    with closing(sqlite3.connect(aside)) as target:
        connection.connection.backup(target)
    aside.replace(copy)
