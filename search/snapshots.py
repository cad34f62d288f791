"""What a process ranks, as one immutable value, and as files that other processes can map."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.ranking import Matrix

Ids = NDArray[np.int64]

ARRAYS = ("rows", "starts", "photos", "images", "revisions", "products", "categories", "prices")


class InvalidSnapshot(Exception):
    """The files are missing, or torn, or of another kind: they can be thrown away."""


@dataclass(frozen=True)
class Snapshot:
    """The searchable catalog at one moment. Items are products, rows their pictures."""

    identity: str  # the embedder's
    generation: int  # the same in every process that has the same catalog; below 2**32
    matrix: Matrix
    photos: Ids  # (n,), ids of ProductPhoto, 0 for a product's own picture
    images: Ids  # (n,), `image_key` of each picture
    revisions: Ids  # (n,)
    products: Ids  # (items,), ids, rising
    categories: Ids  # (items,), ids
    prices: NDArray[np.float64]  # (items,)

    def picture_keys(self) -> list[tuple[int, int]]:
        """(product id, photo id) of every row."""
        lengths = np.diff(np.append(self.matrix.starts, len(self.photos)))
        products = np.repeat(self.products, lengths)
        return list(zip(products.tolist(), self.photos.tolist(), strict=True))


def image_key(name: str) -> int:
    """64 bits that stand for a stored picture; its name holds the digest of its bytes."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little", signed=True)


def empty_snapshot(identity: str, dim: int) -> Snapshot:
    """A snapshot of nothing."""
    ids = np.empty(0, np.int64)
    matrix = Matrix(np.empty((0, dim), np.float32), np.empty(0, np.intp))
    return Snapshot(identity, 0, matrix, ids, ids, ids, ids, ids, np.empty(0))


def save_snapshot(snapshot: Snapshot, folder: Path) -> None:
    """Write the files aside, then put them in place of those that were there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        for name, array in _arrays(snapshot).items():
            with (aside / f"{name}.npy").open("wb") as file:
                np.save(file, array)
                os.fsync(file.fileno())
        sizes = {path.name: path.stat().st_size for path in aside.iterdir()}
        manifest = {
            "identity": snapshot.identity,
            "generation": snapshot.generation,
            "sizes": sizes,
        }
        (aside / "manifest.json").write_text(json.dumps(manifest))
        remove_snapshot(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def load_snapshot(folder: Path) -> Snapshot:
    """The snapshot in these files, its rows mapped and not read. Raises InvalidSnapshot."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        for name, size in manifest["sizes"].items():
            if (folder / name).stat().st_size != size:
                raise InvalidSnapshot(f"{folder / name} is torn.")
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidSnapshot(f"{folder} holds no snapshot.") from error
    matrix = Matrix(arrays.pop("rows"), arrays.pop("starts"))
    return Snapshot(manifest["identity"], manifest["generation"], matrix, **arrays)


def remove_snapshot(folder: Path) -> None:
    """Throw the files away; who has them mapped can go on."""
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
        folder.rename(aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)


def _arrays(snapshot: Snapshot) -> dict[str, NDArray[np.generic]]:
    return {
        "rows": snapshot.matrix.rows,
        "starts": snapshot.matrix.starts,
        "photos": snapshot.photos,
        "images": snapshot.images,
        "revisions": snapshot.revisions,
        "products": snapshot.products,
        "categories": snapshot.categories,
        "prices": snapshot.prices,
    }
