"""What every page shows."""

from django.conf import settings
from django.http import HttpRequest

from catalog.serving import served_identity


def embedder(request: HttpRequest) -> dict[str, str]:
    """The identity of the embedder that is searched with, for the footer."""
    return {"embedder_name": served_identity()}


def privacy(request: HttpRequest) -> dict[str, int]:
    """For how many days searches are recorded, for the notes on privacy."""
    return {"demand_days": settings.DEMAND_DAYS}
