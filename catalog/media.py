"""Serves stored pictures, and nothing else, where no web server in front does."""

import os
import re
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
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
# Stored pictures and those put there by hand; nothing hidden, nothing odd, nothing half written.
NAME = re.compile(r"(\w[\w.-]*/)*\w[\w. -]*", re.ASCII)
LONGEST = 200  # characters, as many as a row has for the name
CACHE = "public, max-age=31536000, immutable"  # the name is a digest of the contents
POLICY = "default-src 'none'; sandbox"  # whatever a browser may take it for


@require_safe
def picture(request: HttpRequest, path: str) -> HttpResponseBase:
    """A picture of the media folder, or of the bucket."""
    content_type = TYPES.get(PurePosixPath(path).suffix.lower())
    if content_type is None or len(path) > LONGEST or not NAME.fullmatch(path):
        raise Http404
    response = _of_bucket(path) if settings.MEDIA_STORAGE else _of_folder(request, path)
    response["Content-Type"] = content_type
    response["Cache-Control"] = CACHE
    response["Content-Security-Policy"] = POLICY
    return response


def _of_folder(request: HttpRequest, path: str) -> HttpResponseBase:
    """A file of the media folder itself: no link, no folder, no pipe."""
    file = Path(settings.MEDIA_ROOT).resolve() / path
    if not file.is_file() or os.path.realpath(file) != str(file):
        raise Http404
    return serve(request, path, document_root=str(settings.MEDIA_ROOT))


def _of_bucket(path: str) -> HttpResponseBase:
    try:
        return FileResponse(default_storage.open(path))
    except FileNotFoundError as error:
        raise Http404 from error
