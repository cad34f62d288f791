"""Prepared networks on disk: a folder for each identity, and a link from the embedder's name.

Folders appear and links move in one step, so that a process always opens the old network or the
new one.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from catalog.embedders.preprocessing import PREPROCESSING
from catalog.files import replace_link
from catalog.messages import sentence

GRAPH_FILE = "network.xml"
WEIGHTS_FILE = "network.bin"
MANIFEST_FILE = "manifest.json"


class EmbedderUnavailable(Exception):
    """The embedder is unknown, not prepared or damaged; the message says what to do about it."""


@dataclass(frozen=True)
class Manifest:
    """What is known about a prepared network without opening it."""

    name: str
    identity: str  # name and a hash over weights, preprocessing and dimension
    dim: int
    input_size: int
    preprocessing: str
    source: str  # SHA-256 of the weights file it was built from, or "default"
    sha256: dict[str, str] = field(default_factory=dict)  # of each stored file


def find_prepared(model_dir: Path, name: str) -> tuple[Path, Manifest]:
    """The intact folder and manifest of an embedder by name or identity.

    Raises EmbedderUnavailable, also if a file is missing or differs from what was stored.
    """
    folder = model_dir / name
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST_FILE).read_text()))
        intact = all(sha256(folder / file) == digest for file, digest in manifest.sha256.items())
    except FileNotFoundError as error:
        raise EmbedderUnavailable(
            sentence(
                "The embedder %(name)s is not prepared. Run: %(command)s",
                name=name,
                command=_remedy(name),
            )
        ) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise damaged(name) from error
    if not intact or manifest.sha256.keys() != {GRAPH_FILE, WEIGHTS_FILE}:
        raise damaged(name)
    if manifest.preprocessing != PREPROCESSING:
        raise EmbedderUnavailable(
            sentence(
                "The embedder %(name)s was prepared for other preprocessing. Run: %(command)s",
                name=name,
                command=_remedy(name),
            )
        )
    return folder, manifest


def damaged(name: str) -> EmbedderUnavailable:
    """The error for a stored network that can't be used."""
    return EmbedderUnavailable(
        sentence(
            "The embedder %(name)s is damaged. Run: %(command)s", name=name, command=_remedy(name)
        )
    )


def store(model_dir: Path, manifest: Manifest, save: Callable[[Path], None]) -> None:
    """Let `save(folder)` write the network's files aside, then move the folder into place."""
    model_dir.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".new-", dir=model_dir))
    try:
        save(aside)
        digests = {file: sha256(aside / file) for file in (GRAPH_FILE, WEIGHTS_FILE)}
        contents = asdict(replace(manifest, sha256=digests))
        (aside / MANIFEST_FILE).write_text(json.dumps(contents, indent=2))
        aside.chmod(0o755)  # mkdtemp admits only its own user
        try:
            find_prepared(model_dir, manifest.identity)
        except EmbedderUnavailable:
            shutil.rmtree(model_dir / manifest.identity, ignore_errors=True)
            aside.rename(model_dir / manifest.identity)
        replace_link(model_dir / manifest.name, manifest.identity)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remedy(name: str) -> str:
    return f"python manage.py download_model --embedder {name.split('-')[0]}"
