"""The WSGI application, for gunicorn."""

import os
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.http.multipartparser import MultiPartParserError

from visualsearch.front import Front

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "visualsearch.settings")


class Request(WSGIRequest):
    """A request whose upload is refused where Django's parser would fail with a server error."""

    def parse_file_upload(self, META: Any, post_data: Any) -> Any:  # noqa: N803, Django's name
        try:
            return super().parse_file_upload(META, post_data)
        except TypeError as error:  # a parameter given whole and in parts: x*1=a; x*=b
            raise MultiPartParserError("The upload can't be read.") from error


handler = get_wsgi_application()
handler.request_class = Request
application = Front(handler, max_bytes=int(settings.MAX_BODY_MB * 2**20))
