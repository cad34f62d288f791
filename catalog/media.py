"""Serves stored pictures, and nothing else, where no web server in front does."""

from pathlib import PurePosixPath

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe
from django.views.static import serve

# The type is fixed by the name, never guessed from what is in the file.
TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
}
CACHE = "public, max-age=31536000, immutable"  # the name is a digest of the contents


@require_safe
def picture(request: HttpRequest, path: str) -> HttpResponseBase:
    """A picture of the media folder."""
    content_type = TYPES.get(PurePosixPath(path).suffix.lower())
    if content_type is None:
        raise Http404
    response = serve(request, path, document_root=str(settings.MEDIA_ROOT))
    response["Content-Type"] = content_type
    response["Cache-Control"] = CACHE
    return response
