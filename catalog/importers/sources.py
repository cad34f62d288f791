"""The pictures of a catalog file that lie on this machine."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from catalog.models import Product
from catalog.pictures.fields import NewPicture, sha256
from catalog.pictures.limits import image_limits


class InvalidSource(Exception):
    """There is no picture to be had from this path; the message says why."""


def local_picture(
    source: str, folders: Mapping[str, Path], product: Product | None, *, confined: bool = False
) -> NewPicture | None:
    """The picture at a path, relative to one of the folders; None where the product has it.

    The folders are keyed by where they are, such as "in the media folder"; out of them leads no
    confined path. A file that is gone is missed only where the product has not got its picture.
    Raises InvalidSource and InvalidImage.
    """
    stored = product if product is not None and product.image.is_stored() else None
    paths = [folder / source for folder in folders.values()]
    if confined:
        paths = [path for path in paths if _is_within(path, folders.values())]
    data = _read(source, paths)
    if data is None:
        if stored is not None and stored.image_url == source:
            return None
        raise InvalidSource(f"There is no file {source} {' or '.join(folders)}.")
    if stored is not None and stored.image_source_digest == sha256(data):
        return None
    return NewPicture(data)


def _is_within(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.resolve().is_relative_to(folder.resolve()) for folder in folders)


def _read(source: str, paths: Iterable[Path]) -> bytes | None:
    for path in paths:
        try:
            if path.exists() and not path.is_file():  # a device or a pipe would never end
                raise InvalidSource(f"{source} can't be read: it is no file.")
            with path.open("rb") as file:
                return file.read(image_limits().bytes + 1)  # one too many is for the gate to refuse
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InvalidSource(f"{source} can't be read: {error.strerror}.") from error
    return None
