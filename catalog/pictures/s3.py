"""Pictures in a bucket of S3, or of what speaks like it: MEDIA_STORAGE=s3://bucket.

Needs `pip install -r requirements-s3.txt`. Where the bucket is, and who we are there, boto3 takes
from its own variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION and, where it
is not Amazon's, AWS_ENDPOINT_URL_S3. The bucket stays private: pictures have the addresses that
they would have on disk, and come through `catalog.media`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EIO
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from storages.backends.s3 import S3Storage

from catalog.pictures.storage import NotStored

TROUBLE = (BotoCoreError, ClientError, Boto3Error)


class BucketStorage(S3Storage):  # type: ignore[misc]
    """A bucket instead of the media folder."""

    def exists(self, name: str) -> bool:
        """Whether the bucket has it, as is asked before anything is stored. Raises NotStored."""
        with _storing():
            return bool(super().exists(name))

    def _save(self, name: str, content: Any) -> str:
        """Store the content under this name; S3 shows it whole or not at all. Raises NotStored."""
        with _storing():
            return str(super()._save(name, content))

    def _open(self, name: str, mode: str = "rb") -> Any:
        """A stored file, all of it fetched. Raises FileNotFoundError, OSError."""
        try:
            return super()._open(name, mode).open()
        except TROUBLE as error:
            raise OSError(EIO, "The bucket does not answer") from error

    def url(self, name: str, **_: Any) -> str:
        """The address in the shop, as the policies let browsers load nothing from elsewhere."""
        return f"{settings.MEDIA_URL}{name}"


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except TROUBLE as error:
        raise NotStored("The picture can't be stored: the bucket does not take it.") from error
