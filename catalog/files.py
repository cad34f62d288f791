"""Replaces files and symbolic links in one step: readers see the old one or the new one, whole."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
