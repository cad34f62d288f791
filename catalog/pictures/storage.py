"""Where pictures' files are: under names that tell their contents, whole or not at all."""

import re
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage

from catalog.files import replace_file

PICTURES = "pictures"
THUMBNAILS = "thumbnails"
WITH_THUMBNAIL = re.compile(rf"{PICTURES}/([0-9a-f]{{2}}/[0-9a-f]{{64}}\.jpg)")


class NotStored(Exception):
    """The picture's file can't be written, as on a full disk; the message says why."""


class WholeFileStorage(FileSystemStorage):
    """Writes aside, then renames: a crash leaves no half file under a picture's name."""

    def _save(self, name: str, content: Any) -> str:
        """Store the content under this name. Raises NotStored."""
        try:
            # Not synced: after a power cut a file may be missing or short, and `put` sees that.
            with replace_file(Path(self.path(name)), sync=False) as aside:
                part = str(aside.relative_to(self.location))
                super()._save(part, content)  # type: ignore[misc]  # the stubs leave it out
        except OSError as error:
            reason = error.strerror or "its folder is no folder"  # Django gives that a path
            raise NotStored(f"The picture can't be stored: {reason}.") from error
        return name


def files_of(name: str) -> tuple[str, ...]:
    """The names of a stored picture's files: its own and, where there is one, its thumbnail's."""
    ours = WITH_THUMBNAIL.fullmatch(name)
    return (name, f"{THUMBNAILS}/{ours[1]}") if ours else (name,)


def put(storage: Storage, name: str, data: bytes) -> None:
    """Store a file whose name tells its contents, unless it is there, whole."""
    if storage.exists(name):
        if storage.size(name) == len(data):
            return
        storage.delete(name)
    storage.save(name, ContentFile(data))
