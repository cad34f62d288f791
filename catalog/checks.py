"""System checks of the catalog's settings: what is wrong, and how to correct it."""

import os
import re
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from catalog.embedders import EMBEDDERS
from catalog.pictures.gate import ImageLimits

# As `catalog.fetching` compares it: a name or an address (IPv6 in brackets), and perhaps a port.
ALLOWED_HOST = re.compile(
    r"([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE
)
# The lowest limits let a stored picture pass the gate again. Above the highest one, Pillow takes
# a picture for a decompression bomb.
IMAGE_BOUNDS = {"MAX_IMAGE_MB": (5, 100), "MAX_IMAGE_MEGAPIXELS": (2, 89)}


def check_embedder() -> str:
    if settings.EMBEDDER in EMBEDDERS:
        return ""
    return f"EMBEDDER is {settings.EMBEDDER!r}. It can be: {', '.join(EMBEDDERS)}."


def check_hosts() -> str:
    strange = [name for name in settings.FETCH_ALLOWED_HOSTS if not ALLOWED_HOST.fullmatch(name)]
    if not strange:
        return ""
    return (
        f"FETCH_ALLOWED_HOSTS has {', '.join(map(repr, strange))}. Write hosts alone, each by its"
        " own name, without scheme, path or wildcard: images.shop.lan, 10.0.0.7:8080 or [fd00::7]."
    )


def check_currency() -> str:
    if re.fullmatch(r"[A-Z]{3}", settings.DEFAULT_CURRENCY):
        return ""
    return f"DEFAULT_CURRENCY is {settings.DEFAULT_CURRENCY!r}. Use three capitals, such as EUR."


def check_folders() -> str:
    for name in ("VAR_DIR", "MEDIA_ROOT"):
        folder = Path(getattr(settings, name))
        writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
        if folder.exists() and not writable:
            return f"{name} is {folder}, where this user can't write. Name another or open it."
    return ""


def check_bounds(name: str) -> str:
    value, (lowest, highest) = getattr(settings, name), IMAGE_BOUNDS[name]
    return "" if lowest <= value <= highest else f"{name} is {value:g}. Use {lowest} to {highest}."


def check_media_storage() -> str:
    if not settings.MEDIA_STORAGE:
        return ""
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", settings.MEDIA_STORAGE):
        return f"MEDIA_STORAGE is {settings.MEDIA_STORAGE!r}. Use s3://bucket, or unset it."
    if find_spec("storages") is None or find_spec("boto3") is None:
        return "MEDIA_STORAGE names a bucket. Run: pip install -r requirements-s3.txt"
    return ""


def check_heif() -> str:
    try:
        ImageLimits(formats=("HEIF",) if settings.HEIF else ())
    except ModuleNotFoundError as error:
        return f"{error} Run: pip install pillow-heif, or unset HEIF."
    return ""


# By id, a function that returns what is wrong and how to correct it, or "".
CHECKS: dict[str, Callable[[], str]] = {
    "catalog.E001": check_embedder,
    "catalog.E002": check_hosts,
    "catalog.E003": check_currency,
    "catalog.E004": check_folders,
    "catalog.E005": partial(check_bounds, "MAX_IMAGE_MB"),
    "catalog.E006": partial(check_bounds, "MAX_IMAGE_MEGAPIXELS"),
    "catalog.E007": check_heif,
    "catalog.E008": check_media_storage,
}


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """An error for each setting of the catalog that can't be used."""
    return [Error(sentence, id=name) for name, check in CHECKS.items() if (sentence := check())]


@register()
def check_weights(**_: Any) -> list[CheckMessage]:
    """catalog.W001: the weights file is missing, which only `download_model` needs."""
    weights = settings.MOBILENET_V2_WEIGHTS
    if weights is None or weights.is_file():
        return []
    sentence = f"MOBILENET_V2_WEIGHTS is {weights}, where there is no file. Correct or unset it."
    return [Warning(sentence, id="catalog.W001")]
