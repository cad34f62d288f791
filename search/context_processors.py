"""What every page shows."""

from django.conf import settings
from django.http import HttpRequest


def embedder(request: HttpRequest) -> dict[str, str]:
    """The configured embedder, for the footer."""
    return {"embedder_name": settings.EMBEDDER}
