"""The model field for pictures. Each is stored once, re-encoded, under the digest of its bytes.

Rows with the same bytes share the file. `references` removes files that no row refers to.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.db import models, transaction
from django.db.models.fields.files import FieldFile
from django.forms import ClearableFileInput, FileField

from catalog.messages.translation import translated
from catalog.pictures.gate import ImageLimits, InvalidImage, encode_image, open_image
from catalog.pictures.storage import PICTURES, files_of, put_all

FORMATS = ImageLimits().formats
STORED_SIDE = 1200  # pixels; larger pictures are scaled down before they are stored
THUMBNAIL_SIDE = 240
DIGEST = re.compile(r"[0-9a-f]{64}")


def image_limits() -> ImageLimits:
    """The limits of the settings. Raises ModuleNotFoundError where HEIF lacks its package."""
    return ImageLimits(
        bytes=int(settings.MAX_IMAGE_MB * 2**20),
        pixels=int(settings.MAX_IMAGE_MEGAPIXELS * 1_000_000),
        formats=(*FORMATS, "HEIF") if settings.HEIF else FORMATS,
    )


def accepted_types() -> str:
    """What a file chooser offers, for its attribute `accept`."""
    types = [f"image/{name.lower()}" for name in FORMATS]
    if settings.HEIF:
        types += ["image/heic", "image/heif", ".heic", ".heif"]  # some systems know no type of it
    return ",".join(types)


class NewPicture(ContentFile):
    """A picture to be stored: only its pixels, re-encoded as a JPEG. Raises InvalidImage.

    `thumbnail` is the same picture as a small JPEG, `source_digest` the SHA-256 of the bytes as
    they arrived.
    """

    def __init__(self, data: bytes) -> None:
        picture = open_image(data, limits=image_limits(), at_least=STORED_SIDE)
        self.source_digest = sha256(data)
        self.thumbnail = encode_image(picture, longest_side=THUMBNAIL_SIDE, quality=80)
        super().__init__(encode_image(picture, longest_side=STORED_SIDE), "picture.jpg")


class StoredPicture(FieldFile):
    """A picture in the media storage, and its thumbnail."""

    # New files by name, kept until the row that refers to them is saved.
    in_hand: Mapping[str, bytes] = {}

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
        """The thumbnail's address, or "" where there is nothing to show.

        A picture that somebody put into the media folder has no thumbnail and is shown itself.
        """
        if not self.name or self.name.endswith(".bin"):
            return ""
        return self.storage.url(files_of(self.name)[-1])

    def save(self, name: str | None, content: File, save: bool = True) -> None:
        """Store the picture, re-encoded, under a name made of its digest; `name` is not used.

        Bytes that are no picture are stored unchanged. They are never shown, and embedding them
        fails.
        """
        row: Any = self.instance
        content.seek(0)
        if not isinstance(content, NewPicture):
            data = content.read()
            try:
                content = NewPicture(data)
            except InvalidImage:
                content = ContentFile(data)
        data = content.read()
        digest = sha256(data)
        stem = f"{PICTURES}/{digest[:2]}/{digest}"
        if isinstance(content, NewPicture):
            files = dict(zip(files_of(f"{stem}.jpg"), (data, content.thumbnail), strict=True))
            row.image_source_digest = content.source_digest
        else:
            files = {f"{stem}.bin": data}
            row.image_source_digest = digest
        put_all(self.storage, files)
        stored = type(self)(row, self.field, next(iter(files)))  # the picture comes first
        stored.in_hand = files
        setattr(row, self.field.attname, stored)
        self.name = stored.name
        self._committed = True
        if save:
            row.save()

    def store(self) -> None:
        """Store a picture that was only assigned to its row so far."""
        if self.name and not self._committed:
            self.save(None, self.file, save=False)

    def confirm_after_commit(self, using: str | None = None) -> None:
        """After the commit, store the files again if somebody has removed them since."""
        files, self.in_hand = self.in_hand, {}
        if files:
            transaction.on_commit(partial(put_all, self.storage, files), using, robust=True)

    def delete(self, save: bool = True) -> None:
        """Take the picture off its row; saving the row discards files that no other row needs."""
        row: Any = self.instance
        setattr(row, self.field.attname, "")
        if save:
            row.save()

    def is_stored(self) -> bool:
        """Whether the storage has the picture and its thumbnail."""
        return bool(self.name) and all(map(self.storage.exists, files_of(str(self.name))))


def picture_in(upload: Any) -> NewPicture:
    """The picture in an uploaded file, which is decoded once. Raises InvalidImage."""
    if not hasattr(upload, "decoded"):
        try:
            # The gate refuses an upload of one byte more than the limit.
            upload.decoded = NewPicture(upload.read(image_limits().bytes + 1))
        except InvalidImage as error:
            upload.decoded = error
    if isinstance(upload.decoded, InvalidImage):
        raise upload.decoded
    picture: NewPicture = upload.decoded
    return picture


class PictureFormField(FileField):
    """An upload that passes the gate; Django's ImageField would run all of Pillow's parsers."""

    widget = ClearableFileInput

    def widget_attrs(self, widget: Any) -> Any:
        return super().widget_attrs(widget) | {"accept": accepted_types()}

    def to_python(self, data: Any) -> Any:
        upload = super().to_python(data)
        try:
            return upload and picture_in(upload)
        except InvalidImage as error:
            raise ValidationError(translated(error), code="invalid_image") from error


class PictureField(models.FileField):
    """A model's picture: `StoredPicture` as its value, the gate on its form."""

    attr_class = StoredPicture

    if TYPE_CHECKING:

        def __get__(self, instance: Any, owner: Any) -> StoredPicture: ...  # type: ignore[override]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max_length": 200, **options})

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**({"form_class": PictureFormField} | options))


def sha256(data: bytes) -> str:
    """The SHA-256 of the bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
