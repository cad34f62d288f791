"""Copies the catalog while the shop is in use."""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from django.conf import settings
from django.db import connection

from catalog.files import replace_file


class NotCopied(Exception):
    """This database can't be copied here; the message says how to copy it."""


def back_up(folder: Path) -> None:
    """Copy the database, and the pictures that the folder lacks. Raises NotCopied, OSError.

    Pictures are copied before and after the database: the copied rows may have pictures that were
    removed or added meanwhile. A picture never changes under its name.
    """
    if connection.vendor != "sqlite":
        raise NotCopied("This copies SQLite. For PostgreSQL use pg_dump: docs/operations.md.")
    folder.mkdir(parents=True, exist_ok=True)
    copy_pictures(folder / "media")
    copy_database(folder / "db.sqlite3")
    copy_pictures(folder / "media")


def copy_pictures(folder: Path) -> None:
    """Copy the files of the media folder that `folder` lacks."""
    media = Path(settings.MEDIA_ROOT)
    for file in media.rglob("*"):
        copy = folder / file.relative_to(media)
        if copy.exists() or file.is_dir():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        # A picture that the shop has removed since it was listed is no longer needed.
        with suppress(FileNotFoundError), replace_file(copy) as aside:
            shutil.copy2(file, aside)


def copy_database(copy: Path) -> None:
    """Copy the SQLite database, with what is committed but still in its write-ahead log."""
    connection.ensure_connection()
    with replace_file(copy) as aside, closing(sqlite3.connect(aside)) as target:
        connection.connection.backup(target)
