"""Finds the rows that refer to a stored picture, and removes pictures that no row refers to.

Files take no part in transactions. Therefore a file is removed only after a commit, and both sides
look twice: `discard` looks for rows again after it has removed a file, and puts the file back if
there is one; whoever saves a row looks for the file again after the commit
(`StoredPicture.confirm_after_commit`). Whichever comes last sees the other. `unused_pictures`
finds the files that a rollback or a crash leaves behind.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.apps import apps
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from catalog.pictures.storage import PICTURES, THUMBNAILS, files_of, put_all
from catalog.pictures.stored import PictureField

MIN_UNUSED_AGE = timedelta(hours=1)  # younger files may belong to a transaction that is still open


def is_wanted(name: str) -> bool:
    """Return True if a row of any model refers to this picture."""
    return any(rows.filter(**{column: name}).exists() for rows, column in _columns())


def discard(name: str) -> bool:
    """Remove a picture and its thumbnail unless a row refers to it. Returns True if removed.

    Files that this application did not store are left alone.
    """
    if not name.startswith(f"{PICTURES}/") or is_wanted(name):
        return False
    files = {}
    for file in files_of(name):
        if default_storage.exists(file):
            with default_storage.open(file) as stored:
                files[file] = stored.read()
    for file in files:
        default_storage.delete(file)
    if is_wanted(name):
        put_all(default_storage, files)
        return False
    return True


def discard_after_commit(name: str, using: str | None = None) -> None:
    """Discard the picture, if there is one, once the transaction is committed."""
    if name:
        transaction.on_commit(partial(discard, name), using, robust=True)


def unused_pictures() -> Iterator[str]:
    """The names of all pictures older than an hour that no row refers to.

    Thumbnails without a picture and incomplete files that a crash left behind are included.
    """
    latest = timezone.now() - MIN_UNUSED_AGE
    tops = (PICTURES, THUMBNAILS)
    for folder in sorted({name for top in tops for name in _listed(top)[0]}):  # "00" to "ff"
        files = {file for top in tops for file in _listed(f"{top}/{folder}")[1]}
        prefix = f"{PICTURES}/{folder}/"
        used: set[str] = set()
        for rows, column in _columns():
            found = rows.filter(**{f"{column}__startswith": prefix})
            used.update(found.values_list(column, flat=True))
        for name in {f"{prefix}{file}" for file in files} - used:
            there = [file for file in files_of(name) if default_storage.exists(file)]
            if all(default_storage.get_modified_time(file) < latest for file in there):
                yield name


def _columns() -> Iterator[tuple[QuerySet[Model], str]]:
    """Every column that refers to pictures: all rows of its model, and its name."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, PictureField):
                yield model._base_manager.all(), field.name


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """The folders and the files in a folder of the storage."""
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []
