"""Serves stored pictures, and nothing else, where no web server in front does."""

import os
import re
from pathlib import Path, PurePosixPath

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
# Stored pictures and those put there by hand; nothing hidden, nothing odd, nothing half written.
NAME = re.compile(r"(\w[\w.-]*/)*\w[\w. -]*", re.ASCII)
LONGEST = 200  # characters, as many as a row has for the name
CACHE = "public, max-age=31536000, immutable"  # the name is a digest of the contents
POLICY = "default-src 'none'; sandbox"  # whatever a browser may take it for


@require_safe
def picture(request: HttpRequest, path: str) -> HttpResponseBase:
    """A picture of the media folder."""
    content_type = TYPES.get(PurePosixPath(path).suffix.lower())
    if content_type is None or not _is_stored(path):
        raise Http404
    response = serve(request, path, document_root=str(settings.MEDIA_ROOT))
    response["Content-Type"] = content_type
    response["Cache-Control"] = CACHE
    response["Content-Security-Policy"] = POLICY
    return response


def _is_stored(path: str) -> bool:
    """Whether it is a file of the media folder itself: no link, no folder, no pipe."""
    if len(path) > LONGEST or not NAME.fullmatch(path):
        return False
    file = Path(settings.MEDIA_ROOT).resolve() / path
    return file.is_file() and os.path.realpath(file) == str(file)
