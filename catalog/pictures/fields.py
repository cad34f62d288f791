"""Stored pictures: each is kept once, re-encoded, under the digest of its bytes.

Rows with the same bytes share the file. `references` removes what no row refers to.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.db import models
from django.db.models.fields.files import FieldFile, FileDescriptor
from django.forms import ClearableFileInput, FileField

from catalog.pictures.gate import InvalidImage, encode_image, open_image
from catalog.pictures.limits import image_limits
from catalog.pictures.storage import PICTURES, files_of, put

LONGEST_SIDE = 1200  # pixels; larger pictures are scaled down before they are kept
THUMBNAIL_SIDE = 240
DIGEST = re.compile(r"[0-9a-f]{64}")
NOTHING: Mapping[str, bytes] = MappingProxyType({})


class NewPicture(ContentFile):
    """A picture on its way into the storage, without anything but its pixels.

    `thumbnail` is the same picture as a small JPEG, `source_digest` the SHA-256 of the bytes as
    they arrived. Raises InvalidImage.
    """

    def __init__(self, data: bytes) -> None:
        picture = open_image(data, limits=image_limits(), at_least=LONGEST_SIDE)
        self.source_digest = sha256(data)
        self.thumbnail = encode_image(picture, longest_side=THUMBNAIL_SIDE, quality=80)
        super().__init__(encode_image(picture, longest_side=LONGEST_SIDE), "picture.jpg")


class StoredPicture(FieldFile):
    """A picture in the media storage, and its thumbnail."""

    in_hand: Mapping[str, bytes] = NOTHING  # files by name, until the row is committed

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

    @property
    def thumbnail_url(self) -> str:
        """The small picture's address, "" where there is nothing to show.

        A picture that was put there by hand has no small one, and stands for itself.
        """
        if not self.name or self.name.endswith(".bin"):
            return ""
        return self.storage.url(files_of(self.name)[-1])

    def save(self, name: str | None, content: File, save: bool = True) -> None:
        """Store the picture re-encoded; of the given name nothing remains.

        Bytes that are no picture are kept as they came, are never shown, and fail when embedded.
        """
        row: Any = self.instance
        picture = _new_picture(content)
        files = _files(picture)
        stored = type(self)(row, self.field, next(iter(files)))
        stored.in_hand = files
        stored.keep()
        row.image_source_digest = getattr(picture, "source_digest", stored.digest)
        setattr(row, self.field.attname, stored)
        self.name = stored.name
        self._committed = True
        if save:
            row.save()

    def keep(self) -> None:
        """Store those of the files in hand that the storage lacks, or has but a part of."""
        for name, data in self.in_hand.items():
            put(self.storage, name, data)

    def confirm(self) -> None:
        """Once the row is committed: make sure of the files, which may have been removed since."""
        self.keep()
        self.in_hand = NOTHING

    def delete(self, save: bool = True) -> None:
        """Take the picture off its row; the files go after the commit, if nobody needs them."""
        row: Any = self.instance
        setattr(row, self.field.attname, "")
        if save:
            row.save()

    def is_stored(self) -> bool:
        """Whether the storage has the picture's file, and its thumbnail."""
        return bool(self.name) and all(map(self.storage.exists, files_of(str(self.name))))


def _new_picture(content: File) -> File:
    content.seek(0)
    if isinstance(content, NewPicture):
        return content
    data = content.read()
    try:
        return NewPicture(data)
    except InvalidImage:
        return ContentFile(data)


def _files(picture: File) -> dict[str, bytes]:
    """What to store, by name; the picture itself comes first."""
    data = picture.read()
    digest = sha256(data)
    name = f"{PICTURES}/{digest[:2]}/{digest}"
    if not isinstance(picture, NewPicture):
        return {f"{name}.bin": data}
    return dict(zip(files_of(f"{name}.jpg"), (data, picture.thumbnail), strict=True))


class PictureFormField(FileField):
    """An upload that passes the gate. Django's ImageField would let every parser of Pillow run."""

    widget = ClearableFileInput(attrs={"accept": "image/*"})

    def to_python(self, data: Any) -> Any:
        upload = super().to_python(data)
        if upload is None:
            return None
        try:
            # One byte too many is for the gate to refuse.
            return NewPicture(upload.read(image_limits().bytes + 1))
        except InvalidImage as error:
            raise ValidationError(str(error), code="invalid_image") from error


class PictureDescriptor(FileDescriptor):
    """Notes on a row that was read from the database when its picture is set."""

    def __set__(self, instance: Any, value: Any) -> None:
        same = value is instance.__dict__.get(self.field.attname)
        if not (same or instance._state.adding):  # Django adds a row until it has read all of it
            instance.picture_was_set = True
        super().__set__(instance, value)


class PictureField(models.FileField):
    """A model's picture: `StoredPicture` as its value, the gate on its form."""

    attr_class = StoredPicture
    descriptor_class = PictureDescriptor

    if TYPE_CHECKING:

        def __get__(self, instance: Any, owner: Any) -> StoredPicture: ...  # type: ignore[override]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max_length": 200, **options})

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**({"form_class": PictureFormField} | options))


def sha256(data: bytes) -> str:
    """The SHA-256 of the bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
