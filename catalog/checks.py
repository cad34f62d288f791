"""System checks for our own settings: what is wrong, and what mends it."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from catalog.embedders import EMBEDDERS


@register()
def check_embedder(**_: Any) -> list[CheckMessage]:
    """catalog.E001: EMBEDDER names none of ours."""
    if settings.EMBEDDER in EMBEDDERS:
        return []
    known = ", ".join(EMBEDDERS)
    return [Error(f"EMBEDDER is {settings.EMBEDDER!r}. It can be: {known}.", id="catalog.E001")]
