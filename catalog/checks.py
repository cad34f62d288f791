"""System checks of the catalog's settings: what is wrong, and how to correct it."""

import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from catalog.embedders import EMBEDDERS
from catalog.fetching.hosts import HEADER_VALUE, HOST
from catalog.pictures.gate import ImageLimits
from catalog.values import currencies


def faults() -> Iterator[tuple[str, str]]:
    """For each setting that can't be used, the id of its check and what to correct."""
    if settings.EMBEDDER not in EMBEDDERS:
        known = ", ".join(EMBEDDERS)
        yield "catalog.E001", f"EMBEDDER is {settings.EMBEDDER!r}. It can be: {known}."

    strange = [name for name in settings.FETCH_ALLOWED_HOSTS if not HOST.fullmatch(name)]
    if strange:
        yield (
            "catalog.E002",
            f"FETCH_ALLOWED_HOSTS has {', '.join(map(repr, strange))}. Write hosts alone, each by"
            " its own name, without scheme, path or wildcard: images.shop.lan, 10.0.0.7:8080 or"
            " [fd00::7].",
        )

    currency = settings.DEFAULT_CURRENCY
    if currency not in currencies():
        yield "catalog.E003", f"DEFAULT_CURRENCY is {currency!r}. Use three capitals, such as EUR."

    if (folder := Path(settings.MODEL_DIR)).exists() and not folder.is_dir():
        yield "catalog.E011", f"MODEL_DIR is {folder}, which is not a folder. Name another."

    for name in ("VAR_DIR", "MEDIA_ROOT"):
        folder = Path(getattr(settings, name))
        writable = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
        if folder.exists() and not writable:
            sentence = f"{name} is {folder}, where this user can't write. Name another or open it."
            yield "catalog.E004", sentence
            break  # the second folder is usually inside the first

    try:
        ImageLimits(formats=("HEIF",) if settings.HEIF else ())
    except ModuleNotFoundError as error:
        yield "catalog.E007", f"{error} Run: pip install pillow-heif, or unset HEIF."

    if not HEADER_VALUE.fullmatch(settings.FETCH_USER_AGENT):
        sentence = "FETCH_USER_AGENT and FETCH_CONTACT must be printable ASCII, on one line."
        yield "catalog.E009", sentence

    bucket = settings.MEDIA_STORAGE
    if bucket and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        yield "catalog.E008", f"MEDIA_STORAGE is {bucket!r}. Use s3://bucket, or unset it."
    elif bucket and not (find_spec("storages") and find_spec("boto3")):
        sentence = "MEDIA_STORAGE names a bucket. Run: pip install -r requirements-s3.txt"
        yield "catalog.E008", sentence


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """An error for each setting of the catalog that can't be used."""
    return [Error(sentence, id=check) for check, sentence in faults()]


@register()
def check_weights(**_: Any) -> list[CheckMessage]:
    """catalog.W001: the weights file is missing, which only `download_model` needs."""
    weights = settings.MOBILENET_V2_WEIGHTS
    if weights is None or weights.is_file():
        return []
    sentence = f"MOBILENET_V2_WEIGHTS is {weights}, where there is no file. Correct or unset it."
    return [Warning(sentence, id="catalog.W001")]


@register()
def check_dotenv(**_: Any) -> list[CheckMessage]:
    """catalog.W002: a line of the file .env has no effect."""
    return [Warning(sentence, id="catalog.W002") for sentence in settings.DOTENV_WARNINGS]
