"""Serves stored pictures, and nothing else, where no web server does it."""

import os
import re
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from django.views.static import serve

# The type follows from the name; it is never guessed from the contents.
TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
}
# Stored pictures, and pictures that somebody put into the folder; no hidden or incomplete files.
NAME = re.compile(r"(\w[\w.-]*/)*\w[\w. -]*", re.ASCII)
MAX_LENGTH = 200  # characters of a name, as in the database
CACHE = "public, max-age=31536000, immutable"  # names are digests of the contents
POLICY = "default-src 'none'; sandbox"  # whatever type a browser takes the file for


@csrf_exempt  # so that other methods get 405
@require_safe
def picture(request: HttpRequest, path: str) -> HttpResponseBase:
    """A picture from the media folder or from the bucket."""
    content_type = TYPES.get(PurePosixPath(path).suffix.lower())
    if content_type is None or len(path) > MAX_LENGTH or not NAME.fullmatch(path):
        raise Http404
    response: HttpResponseBase
    if settings.MEDIA_STORAGE:
        try:
            response = FileResponse(default_storage.open(path))
        except FileNotFoundError as error:
            raise Http404 from error
    else:
        file = Path(settings.MEDIA_ROOT).resolve() / path
        if not file.is_file() or os.path.realpath(file) != str(file):  # a link, folder or pipe
            raise Http404
        response = serve(request, path, document_root=str(settings.MEDIA_ROOT))
    response["Content-Type"] = content_type
    response["Cache-Control"] = CACHE
    response["Content-Security-Policy"] = POLICY
    return response
