"""Stores pictures in a bucket of S3 or of a compatible service: MEDIA_STORAGE=s3://bucket.

Needs `pip install -r requirements-s3.txt`. boto3 reads the credentials and the place of the bucket
from its own variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION and, for other
services than Amazon's, AWS_ENDPOINT_URL_S3. The bucket stays private: `catalog.media` serves
pictures at the same addresses as from disk.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EIO
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from storages.backends.s3 import S3Storage

from catalog.messages import sentence
from catalog.pictures.storage import NotStored

NOT_TAKEN = sentence("The picture can't be stored: the bucket does not take it.")
S3_ERRORS = (BotoCoreError, ClientError, Boto3Error)


class BucketStorage(S3Storage):  # type: ignore[misc]
    """A bucket instead of the media folder."""

    def exists(self, name: str) -> bool:
        """True if the bucket has the file; asked before a file is stored. Raises NotStored."""
        with _storing():
            return bool(super().exists(name))

    def _save(self, name: str, content: Any) -> str:
        """Store the content under this name, in one step. Raises NotStored."""
        with _storing():
            return str(super()._save(name, content))

    def _open(self, name: str, mode: str = "rb") -> Any:
        """A stored file, fetched completely. Raises FileNotFoundError, OSError."""
        try:
            return super()._open(name, mode).open()
        except S3_ERRORS as error:
            raise OSError(EIO, "The bucket does not answer") from error

    def url(self, name: str, **_: Any) -> str:
        """The address on this site; the policy lets browsers load no pictures from elsewhere."""
        return f"{settings.MEDIA_URL}{name}"


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except S3_ERRORS as error:
        raise NotStored(NOT_TAKEN) from error
