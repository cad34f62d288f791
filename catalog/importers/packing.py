"""Reads files that are compressed by gzip, within limits."""

import zlib
from collections.abc import Callable
from gzip import BadGzipFile, GzipFile

from catalog.importers.tables import InvalidCatalogFile, TruncatedFile
from catalog.messages import sentence

GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 2 * 2**30  # unpacked


class PackedFile(GzipFile):
    """The contents of a compressed file, which are unpacked each time they are read.

    Reading raises TruncatedFile where the file is damaged, and InvalidCatalogFile where it unpacks
    to too much.
    """

    def read(self, size: int | None = -1) -> bytes:
        return self._unpack(super().read, size)

    def read1(self, size: int = -1) -> bytes:
        return self._unpack(super().read1, size)

    def _unpack(self, read: Callable[..., bytes], size: int | None) -> bytes:
        try:
            data = read(size)
        except (EOFError, BadGzipFile, zlib.error) as error:
            raise TruncatedFile(
                sentence("The compressed file is damaged or ends too early.")
            ) from error
        if self.tell() > MAX_BYTES:
            raise InvalidCatalogFile(
                sentence("The file unpacks to more than %(most)s GB.", most=MAX_BYTES // 2**30)
            )
        return data
