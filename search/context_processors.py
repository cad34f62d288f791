"""What every page shows."""

from django.http import HttpRequest

from catalog.serving import served_identity


def embedder(request: HttpRequest) -> dict[str, str]:
    """The embedder of what is searched, for the footer."""
    return {"embedder_name": served_identity()}
