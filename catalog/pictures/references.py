"""Which rows refer to a stored picture, and its removal once none does.

Files know no transaction, so a picture goes only after a commit, and both sides look twice. Who
removes one looks for rows again afterwards, and puts it back; who saves a row looks for the file
again once that is committed (`StoredPicture.confirm`). Whichever comes last sees the other. What
a rollback or a crash leaves behind is for `unused_pictures` to find.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save
from django.utils import timezone

from catalog.models import EMBEDDED_MODELS, EmbeddedPicture
from catalog.pictures.storage import PICTURES, THUMBNAILS, files_of, put

MOST_RECENT = timedelta(hours=1)  # younger files may belong to a transaction that is still open


def is_wanted(name: str) -> bool:
    """Whether a row, of any model, has this picture."""
    return any(model.objects.filter(image=name).exists() for model in EMBEDDED_MODELS)


def discard(name: str) -> bool:
    """Remove a picture of ours and its thumbnail, unless a row has it; whether it is gone."""
    if not name.startswith(f"{PICTURES}/") or is_wanted(name):
        return False
    files = {file: _read(file) for file in files_of(name) if default_storage.exists(file)}
    for file in files:
        default_storage.delete(file)
    if is_wanted(name):
        for file, data in files.items():
            put(default_storage, file, data)
        return False
    return True


def unused_pictures() -> Iterator[str]:
    """The names of all pictures older than an hour that no row has.

    A thumbnail without its picture, and what a crash left of a file, count as one.
    """
    latest = timezone.now() - MOST_RECENT
    for folder in _folders():
        used = _used(folder)
        for name in _pictures(folder) - used:
            there = [file for file in files_of(name) if default_storage.exists(file)]
            if all(default_storage.get_modified_time(file) < latest for file in there):
                yield name


def _folders() -> list[str]:
    """The folders of pictures: "00" to "ff"."""
    return sorted({name for top in (PICTURES, THUMBNAILS) for name in _listed(top)[0]})


def _pictures(folder: str) -> set[str]:
    tops = (PICTURES, THUMBNAILS)
    return {f"{PICTURES}/{folder}/{name}" for top in tops for name in _listed(f"{top}/{folder}")[1]}


def _used(folder: str) -> set[str]:
    used: set[str] = set()
    for model in EMBEDDED_MODELS:
        rows = model.objects.filter(image__startswith=f"{PICTURES}/{folder}/")
        used.update(rows.values_list("image", flat=True))
    return used


def _listed(folder: str) -> tuple[list[str], list[str]]:
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []


def _read(name: str) -> bytes:
    with default_storage.open(name) as file:
        data: bytes = file.read()
    return data


def _before_save(
    instance: EmbeddedPicture, raw: bool, using: str, update_fields: Any, **_: Any
) -> None:
    """After the commit, let go of the picture that this save replaces.

    The row is locked: who replaces it at the same time waits, and lets go of ours.
    """
    may_replace = instance._state.adding or instance.picture_was_set
    if raw or instance.pk is None or not may_replace:
        return
    if update_fields is None or "image" in update_fields:
        row = type(instance).objects.using(using).select_for_update().filter(pk=instance.pk)
        for name in row.exclude(image=instance.image.name or "").values_list("image", flat=True):
            _discard_after_commit(name, using)


def _after_save(instance: EmbeddedPicture, using: str, **_: Any) -> None:
    if instance.image.in_hand:
        transaction.on_commit(instance.image.confirm, using, robust=True)


def _after_delete(instance: EmbeddedPicture, using: str, **_: Any) -> None:
    _discard_after_commit(instance.image.name or "", using)


def _discard_after_commit(name: str, using: str) -> None:
    if name:
        transaction.on_commit(partial(discard, name), using, robust=True)


for model in EMBEDDED_MODELS:
    pre_save.connect(_before_save, sender=model)
    post_save.connect(_after_save, sender=model)
    post_delete.connect(_after_delete, sender=model)
