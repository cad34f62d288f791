"""Serves our scripts and style sheets compressed, without a step that prepares them."""

import gzip
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from catalog.files import replace_file
from visualsearch.environment import BASE_DIR

OURS = str(BASE_DIR / "static")
COMPRESSED = (".css", ".js", ".svg")


class CompressingMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise serves compressed files that exist; this one makes them when the server starts.

    Only files that everybody may read are compressed: compressing pages could reveal their secrets
    (BREACH).
    """

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        file = super().get_static_file(path, url, stat_cache)
        if path.startswith(OURS) and path.endswith(COMPRESSED):
            with suppress(OSError):  # on a full disk, the file is served as it is
                copy = compressed_copy(Path(path))
                _, _, headers = file.alternatives[-1]  # of the file as it is
                return StaticFile(path, headers, encodings={"gzip": str(copy)})
        return file


def compressed_copy(path: Path) -> Path:
    """The file's gzipped copy in `STATIC_COPIES_DIR`, written if it is missing. Raises OSError."""
    version = f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}"
    copy: Path = settings.STATIC_COPIES_DIR / f"{sha256(version.encode()).hexdigest()}.gz"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(copy, sync=False) as aside:
            aside.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    return copy
