"""The WSGI application, for gunicorn."""

import os
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http.multipartparser import MultiPartParserError
from gunicorn.errors import AppImportError

from visualsearch.startup import check_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "visualsearch.settings")


class Request(WSGIRequest):
    """A request below URL_PREFIX, whose upload is refused where Django's parser would fail."""

    def __init__(self, environ: dict[str, Any]) -> None:
        # FORCE_SCRIPT_NAME leaves the path as it is. Proxies may pass on all of it or what follows
        # the prefix, as with Django's ASGI handler, and load balancers ask for /healthz alone.
        path = environ.get("PATH_INFO", "")
        if f"{path}/".startswith(f"{settings.URL_PREFIX}/"):
            path = path.removeprefix(settings.URL_PREFIX)
        super().__init__(environ | {"PATH_INFO": path})

    def parse_file_upload(self, META: Any, post_data: Any) -> Any:  # noqa: N803, Django's name
        try:
            return super().parse_file_upload(META, post_data)
        except TypeError as error:  # a parameter given whole and in parts: x*1=a; x*=b
            raise MultiPartParserError("The upload can't be read.") from error


try:
    handler = get_wsgi_application()
    check_settings()
except ImproperlyConfigured as error:
    raise AppImportError(error) from error  # gunicorn prints its sentence, and no traceback

# Importing these reads the settings, so they come after the check.
from search.queries.photo_cache import start_sweeping  # noqa: E402
from visualsearch.front import Front  # noqa: E402
from visualsearch.logins import sender_of  # noqa: E402
from visualsearch.origins import sharing_headers  # noqa: E402


def _sharing_headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    # Without Content-Type, whose faults may be why the request was refused.
    known = ("REQUEST_METHOD", "PATH_INFO", "HTTP_ORIGIN", "HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    given = {name: environ[name] for name in known if name in environ}
    return sharing_headers(Request(given | {"wsgi.input": BytesIO()}))


start_sweeping()
handler.request_class = Request
application = Front(
    handler,
    max_bytes=int(settings.MAX_BODY_MB * 2**20),
    client_of=sender_of,
    sharing_headers=_sharing_headers,
)
