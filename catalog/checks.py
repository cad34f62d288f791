"""System checks for our own settings: what is wrong, and what mends it."""

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from catalog.embedders import EMBEDDERS
from catalog.pictures.gate import ImageLimits

# As `catalog.fetching` compares it: a name or an address (IPv6 in brackets), and a port.
HOST = re.compile(r"([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)
# A stored picture must pass its own gate again. Beyond the most, Pillow takes it for a bomb.
MEGABYTES = (5, 100)
MEGAPIXELS = (2, 89)


def _embedder() -> str:
    if settings.EMBEDDER in EMBEDDERS:
        return ""
    return f"EMBEDDER is {settings.EMBEDDER!r}. It can be: {', '.join(EMBEDDERS)}."


def _fetch_allowed_hosts() -> str:
    strange = [name for name in settings.FETCH_ALLOWED_HOSTS if not HOST.fullmatch(name)]
    if not strange:
        return ""
    return (
        f"FETCH_ALLOWED_HOSTS has {', '.join(map(repr, strange))}. Write hosts alone, each by its"
        " own name, without scheme, path or wildcard: images.shop.lan, 10.0.0.7:8080 or [fd00::7]."
    )


def _default_currency() -> str:
    if re.fullmatch(r"[A-Z]{3}", settings.DEFAULT_CURRENCY):
        return ""
    return f"DEFAULT_CURRENCY is {settings.DEFAULT_CURRENCY!r}. Use three capitals, such as EUR."


def _folders() -> str:
    for name in ("VAR_DIR", "MEDIA_ROOT"):
        folder = Path(getattr(settings, name))
        writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
        if folder.exists() and not writable:
            return f"{name} is {folder}, where this user can't write. Name another or open it."
    return ""


def _max_image_mb() -> str:
    return _bounds("MAX_IMAGE_MB", *MEGABYTES)


def _max_image_megapixels() -> str:
    return _bounds("MAX_IMAGE_MEGAPIXELS", *MEGAPIXELS)


def _media_storage() -> str:
    if not settings.MEDIA_STORAGE:
        return ""
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", settings.MEDIA_STORAGE):
        return f"MEDIA_STORAGE is {settings.MEDIA_STORAGE!r}. Use s3://bucket, or unset it."
    if find_spec("storages") is None or find_spec("boto3") is None:
        return "MEDIA_STORAGE names a bucket. Run: pip install -r requirements-s3.txt"
    return ""


def _heif() -> str:
    try:
        ImageLimits(formats=("HEIF",) if settings.HEIF else ())
    except ModuleNotFoundError as error:
        return f"{error} Run: pip install pillow-heif, or unset HEIF."
    return ""


def _weights() -> str:
    weights = settings.MOBILENET_V2_WEIGHTS
    if weights is None or weights.is_file():
        return ""
    return f"MOBILENET_V2_WEIGHTS is {weights}, where there is no file. Correct or unset it."


def _bounds(name: str, least: int, most: int) -> str:
    value = getattr(settings, name)
    return "" if least <= value <= most else f"{name} is {value:g}. Use {least} to {most}."


CHECKS: dict[str, Callable[[], str]] = {
    "catalog.E001": _embedder,
    "catalog.E002": _fetch_allowed_hosts,
    "catalog.E003": _default_currency,
    "catalog.E004": _folders,
    "catalog.E005": _max_image_mb,
    "catalog.E006": _max_image_megapixels,
    "catalog.E007": _heif,
    "catalog.E008": _media_storage,
}


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """An error for each setting of the catalog that can't be used."""
    return [Error(sentence, id=name) for name, look in CHECKS.items() if (sentence := look())]


@register()
def check_weights(**_: Any) -> list[CheckMessage]:
    """catalog.W001: the weights file isn't there, which only `download_model` needs."""
    sentence = _weights()
    return [Warning(sentence, id="catalog.W001")] if sentence else []
