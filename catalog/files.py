"""Replaces files and symbolic links in one step: readers see the old one or the new one, whole.

Also reads files of arrays, which a full disk or a power cut may have damaged all the same.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

# What NumPy raises for an empty, torn or overwritten .npz file.
DAMAGES = (
    AttributeError, BadZipFile, EOFError, LookupError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


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
