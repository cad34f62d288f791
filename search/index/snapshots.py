"""A segment as files that all processes of the machine map, so that they share one copy.

Each snapshot has its own folder, and a symbolic link points to the one in use. The link is replaced
in one step once everything is on disk, so a writer that is killed leaves the old snapshot in use.
"""

import fcntl
import json
import math
import mmap
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from catalog.files import replace_link
from search.index.corpus import Segment
from search.index.reading import Tallies, Tally
from search.ranking import BODY, HEAD, WORTHWHILE, Bounds, Matrix, bounds_of

LINK = "current"  # to the folder of the snapshot in use
MANIFEST = "manifest.json"
SAMPLES = 64  # places in a file whose bytes are checked when it is opened
SAMPLE_BYTES = 4096  # at each place

# The files that are written part by part, and the types of their numbers.
COLUMNS = {
    "rows": "<f4", "starts": "<i8", "photos": "<i8", "images": "<i8", "revisions": "<i8",
    "products": "<i8", "categories": "<i8", "prices": "<f8", "availabilities": "|i1",
    "groups": "<i8",
}  # fmt: skip
BOUNDS = {
    "basis": "<f8", "heads": "<f4", "bodies": "<f4", "after_heads": "<f4", "after_bodies": "<f4",
}  # fmt: skip

# The format of the files. Increase the first number when their contents change.
FORMAT = [2, HEAD, BODY]

Part = tuple[int, Tally, Segment]  # a range, its tally, its products


class InvalidSnapshot(Exception):
    """The files are missing, torn or of another format, and can be deleted."""


@dataclass(frozen=True)
class Snapshot:
    """A segment with its bounds, and the tallies of the ranges it was made from."""

    segment: Segment
    tallies: Tallies


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread is writing to the folder. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed, or the process dies
        yield


def save_snapshot(folder: Path, parts: Iterable[Part], dim: int) -> None:
    """Write the parts, in ascending order of their ranges, and put them in use.

    Call it within `exclusive`. Raises OSError; the previous snapshot then stays in use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder))
    try:
        tallies = _write_columns(aside, parts)
        _write_bounds(aside, dim)
        checks = {name: _check(aside / name) for name in (*COLUMNS, *BOUNDS)}
        manifest = {
            "format": FORMAT, "dim": dim, "checks": checks, "tallies": list(tallies.items()),
        }  # fmt: skip
        with (aside / MANIFEST).open("wb") as file:
            file.write(json.dumps(manifest).encode())
            _flush(file)
        replace_link(folder / LINK, aside.name)
    finally:
        for other in folder.iterdir():
            if other.is_dir() and not other.is_symlink() and other != _in_use(folder):
                shutil.rmtree(other, ignore_errors=True)


def load_snapshot(folder: Path) -> Snapshot:
    """The snapshot in use, with its arrays mapped. Raises InvalidSnapshot."""
    while True:
        in_use = _in_use(folder)
        try:
            return _load(in_use)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if in_use == _in_use(folder):  # otherwise it was just replaced
                raise InvalidSnapshot(f"{folder} holds no snapshot.") from error


def remove_snapshots(folder: Path) -> None:
    """Delete the files; processes that have them mapped can go on using them."""
    shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path) -> Path:
    return (folder / LINK).resolve()


def _write_columns(folder: Path, parts: Iterable[Part]) -> Tallies:
    tallies: Tallies = {}
    rows = 0
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder / name).open("wb")) for name in COLUMNS}
        for number, tally, segment in parts:
            tallies[number] = tally
            matrix = segment.matrix
            columns = vars(segment) | {"rows": matrix.rows, "starts": matrix.starts + rows}
            for name, file in files.items():
                file.write(np.ascontiguousarray(columns[name], COLUMNS[name]).data)
            rows += len(segment.photos)
        for file in files.values():
            _flush(file)
    return tallies


def _write_bounds(folder: Path, dim: int) -> None:
    """Write the arrays of the bounds, empty ones for a small catalog."""
    for name in BOUNDS:
        (folder / name).touch()
    rows = _map(folder / "rows", COLUMNS["rows"]).reshape(-1, dim)
    if len(rows) >= WORTHWHILE:
        bounds = bounds_of(rows, lambda name, shape: _room(folder / name, BOUNDS[name], shape))
        (folder / "basis").write_bytes(bounds.basis.tobytes("F"))
    for name in BOUNDS:
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


def _load(folder: Path) -> Snapshot:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    if manifest["format"] != FORMAT:
        raise InvalidSnapshot(f"{folder} is of another release.")
    for name, check in manifest["checks"].items():
        if _check(folder / name) != check:
            raise InvalidSnapshot(f"{folder / name} is torn.")
    arrays = {name: _map(folder / name, kind) for name, kind in (COLUMNS | BOUNDS).items()}
    rows = arrays.pop("rows").reshape(-1, manifest["dim"])
    count, dim = rows.shape
    basis, heads, bodies, after_heads, after_bodies = (arrays.pop(name) for name in BOUNDS)
    bounds = None
    if len(basis):
        basis, heads = basis.reshape(-1, dim).T, heads.reshape(-1, count).T
        bounds = Bounds(basis, heads, bodies.reshape(count, -1), after_heads, after_bodies)
    matrix = Matrix(rows, arrays.pop("starts"), bounds)
    tallies = {number: tuple(tally) for number, tally in manifest["tallies"]}
    return Snapshot(Segment(matrix, **arrays), tallies)


def _room(path: Path, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    size = math.prod(shape) * np.dtype(kind).itemsize
    with path.open("r+b") as file:
        file.truncate(size)
        return np.frombuffer(mmap.mmap(file.fileno(), size), kind).reshape(shape)


def _map(path: Path, kind: str) -> NDArray[Any]:
    with path.open("rb") as file:
        if not path.stat().st_size:  # an empty file cannot be mapped
            return np.empty(0, kind)
        return np.frombuffer(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ), kind)


def _check(path: Path) -> list[int]:
    """The size of a file, and a checksum of samples spread over it."""
    size, checksum = path.stat().st_size, 0
    with path.open("rb") as file:
        for place in range(SAMPLES):
            file.seek(max(0, size - SAMPLE_BYTES) * place // (SAMPLES - 1))
            checksum = zlib.crc32(file.read(SAMPLE_BYTES), checksum)
    return [size, checksum]


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
