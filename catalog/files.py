"""Replaces files and symbolic links in one step: readers see the old one or the new one, whole.

Also reads files of arrays, which a full disk or a power cut may have damaged all the same, and
other files as long as somebody lets it.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import SEEK_SET, BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

# What NumPy raises for an empty, torn or overwritten .npz file.
DAMAGES = (
    AttributeError, BadZipFile, EOFError, LookupError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
BLOCK_BYTES = 2**16


class DamagedFile(Exception):
    """A file does not hold what it should, and can be replaced."""


@contextmanager
def replace_file(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Yield a path beside `path` to write to; at the end of the block that file becomes `path`.

    If the block raises, `path` stays as it was. Without `sync` a power cut may still leave the new
    file short, because its data may reach the disk after its name. Raises OSError.
    """
    aside = _aside(path)
    try:
        yield aside
        if sync:
            _sync(aside)
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise
    if sync:
        _sync(path.parent)


def replace_link(link: Path, target: str) -> None:
    """Make the symbolic link point to `target`. Raises OSError; the link then stays as it was."""
    aside = _aside(link)
    aside.symlink_to(target)
    try:
        aside.replace(link)
    except OSError:
        aside.unlink()
        raise
    _sync(link.parent)


def _aside(path: Path) -> Path:
    """A name in the same folder that no other process or thread uses."""
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")


def _sync(path: Path) -> None:
    """Wait until the file's contents, or the names in the folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def open_arrays(path: Path) -> Iterator[Mapping[str, NDArray[Any]]]:
    """The arrays of an .npz file, each of which is read when it is asked for.

    Raises OSError; DamagedFile also for what the block raises because an array is not as expected.
    """
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            yield arrays
    except DAMAGES as error:
        raise DamagedFile(f"{path.name} is damaged.") from error


def watched(file: BinaryIO, on_read: Callable[[], object]) -> BinaryIO:
    """The same file, which calls `on_read` before each read of a block; what it raises ends that.

    A reader may take minutes before it gives its first result, as it may read all of it before.
    """
    return BufferedReader(_Watched(file, on_read), BLOCK_BYTES)


class _Watched(RawIOBase):
    def __init__(self, file: BinaryIO, on_read: Callable[[], object]) -> None:
        self._file, self._on_read = file, on_read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        self._on_read()
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
