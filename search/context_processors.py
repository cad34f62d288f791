"""What every page shows."""

from django.conf import settings
from django.http import HttpRequest

from catalog.serving import served_identity


def embedder(request: HttpRequest) -> dict[str, str]:
    """The identity of the embedder that is searched with, unless the shop has a name of its own.

    Who tries the software wants to see it; a shop's customers do not.
    """
    return {"embedder_name": served_identity() if settings.SHOP_NAME == "visualsearch" else ""}


def privacy(request: HttpRequest) -> dict[str, int]:
    """For how many days searches are recorded, for the notes on privacy."""
    return {"demand_days": settings.DEMAND_DAYS}
