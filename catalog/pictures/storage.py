"""Where the files of pictures are stored, under names made of the digest of their contents."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage

from catalog.files import replace_file
from catalog.messages import sentence

PICTURES = "pictures"
THUMBNAILS = "thumbnails"
NO_FOLDER = sentence("The picture can't be stored: a file is in the place of its folder.")
WITH_THUMBNAIL = re.compile(rf"{PICTURES}/([0-9a-f]{{2}}/[0-9a-f]{{64}}\.jpg)")


class NotStored(Exception):
    """The picture's file can't be written, for example on a full disk; the message says why."""


class WholeFileStorage(FileSystemStorage):
    """The media folder; a crash leaves no incomplete file under a picture's name."""

    def _save(self, name: str, content: Any) -> str:
        """Store the content under this name. Raises NotStored."""
        try:
            # Not synced: `put` replaces a file that a power cut left short.
            with replace_file(Path(self.path(name)), sync=False) as aside:
                part = str(aside.relative_to(self.location))
                super()._save(part, content)  # type: ignore[misc]  # the stubs leave it out
        except OSError as error:
            if not error.strerror:  # Django's own error, which says that the folder is not one
                raise NotStored(NO_FOLDER) from error
            reason = error.strerror
            raise NotStored(
                sentence("The picture can't be stored: %(reason)s.", reason=reason)
            ) from error
        return name


def files_of(name: str) -> tuple[str, ...]:
    """The names of a picture's files: its own and that of its thumbnail, if it has one."""
    ours = WITH_THUMBNAIL.fullmatch(name)
    return (name, f"{THUMBNAILS}/{ours[1]}") if ours else (name,)


def put(storage: Storage, name: str, data: bytes) -> None:
    """Store a file named after its digest, unless the storage has all of it."""
    if storage.exists(name):
        if storage.size(name) == len(data):
            return
        storage.delete(name)
    storage.save(name, ContentFile(data))


def put_all(storage: Storage, files: Mapping[str, bytes]) -> None:
    """Store files by name, except those that the storage has."""
    for name, data in files.items():
        put(storage, name, data)
