"""Stored pictures: each is kept once, re-encoded, under the digest of its bytes."""

import hashlib
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.db import models
from django.db.models.fields.files import FieldFile
from django.forms import ClearableFileInput, FileField

from catalog.fetching import FetchLimits, fetch
from catalog.images import InvalidImage, encode_image, open_image

FOLDER = "pictures"
LONGEST_SIDE = 1200  # pixels; larger pictures are scaled down before they are kept
DIGEST = re.compile(r"[0-9a-f]{64}")


class NewPicture(ContentFile):
    """A picture on its way into the storage, without anything but its pixels.

    `source_digest` is the SHA-256 of the bytes as they arrived. Raises InvalidImage.
    """

    def __init__(self, data: bytes) -> None:
        self.source_digest = sha256(data)
        super().__init__(_encoded(data), "picture.jpg")


def _encoded(data: bytes) -> bytes:
    picture = open_image(data, at_least=LONGEST_SIDE)
    return encode_image(picture, longest_side=LONGEST_SIDE)


class StoredPicture(FieldFile):
    """A picture in the media storage."""

    @property
    def digest(self) -> str:
        """SHA-256 of the stored bytes; "" where there is no picture."""
        if not self.name:
            return ""
        in_name = DIGEST.match(PurePosixPath(self.name).stem)
        if in_name:
            return in_name.group()
        try:
            with self.storage.open(self.name) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return ""

    def save(self, name: str | None, content: File, save: bool = True) -> None:
        """Store the picture re-encoded; of the given name nothing remains.

        Bytes that are no picture are kept as they came, are never shown, and fail when embedded.
        """
        picture, suffix = _new_picture(content)
        data = picture.read()
        digest = sha256(data)
        target = f"{FOLDER}/{digest[:2]}/{digest}.{suffix}"
        if not self._has(target, len(data)):
            target = self.storage.save(target, ContentFile(data))
        row: Any = self.instance
        row.image_source_digest = getattr(picture, "source_digest", digest)
        self.name = target
        setattr(row, self.field.attname, target)
        self._committed = True
        if save:
            row.save()

    def is_stored(self) -> bool:
        """Whether the storage has the picture's file."""
        return self.name is not None and self.storage.exists(self.name)

    def _has(self, name: str, size: int) -> bool:
        """Whether the storage has the file whole; a crash may have left a part of it."""
        return self.storage.exists(name) and self.storage.size(name) == size


def _new_picture(content: File) -> tuple[File, str]:
    content.seek(0)
    if isinstance(content, NewPicture):
        return content, "jpg"
    data = content.read()
    try:
        return NewPicture(data), "jpg"
    except InvalidImage:
        return ContentFile(data), "bin"


class PictureFormField(FileField):
    """An upload that passes the gate. Django's ImageField would let every parser of Pillow run."""

    widget = ClearableFileInput(attrs={"accept": "image/*"})

    def to_python(self, data: Any) -> Any:
        upload = super().to_python(data)
        if upload is None:
            return None
        try:
            return NewPicture(upload.read())
        except InvalidImage as error:
            raise ValidationError(str(error), code="invalid_image") from error


class PictureField(models.FileField):
    """A model's picture: `StoredPicture` as its value, the gate on its form."""

    attr_class = StoredPicture

    if TYPE_CHECKING:

        def __get__(self, instance: Any, owner: Any) -> StoredPicture: ...  # type: ignore[override]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max_length": 200, **options})

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**({"form_class": PictureFormField} | options))


def fetch_picture(url: str) -> bytes:
    """What is behind an address that somebody named, not yet seen by the gate.

    Raises FetchError.
    """
    return fetch(url, limits=FetchLimits(), allowed_hosts=tuple(settings.FETCH_ALLOWED_HOSTS))


def sha256(data: bytes) -> str:
    """The SHA-256 of the bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
