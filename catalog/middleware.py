"""What the machine refuses, such as a full disk, is told in a sentence by every view."""

import logging
from collections.abc import Callable

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from rest_framework import status

from catalog.api.errors import is_api
from catalog.pictures.storage import NotStored

logger = logging.getLogger(__name__)

# What a full or read-only disk and a database out of reach raise.
TROUBLE = (NotStored, OSError, OperationalError)
OUT_OF_ORDER = "Something this needs is out of order on the server. Please try again later."

View = Callable[[HttpRequest], HttpResponse]


class TroubleMiddleware:
    """Says in a sentence, with status 503, what the disk or the database refused."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The answer to trouble of the machine; of other errors Django tells."""
        if not isinstance(error, TROUBLE):
            return None
        logger.exception("A request could not be answered.", exc_info=error)
        sentence = str(error) if isinstance(error, NotStored) else OUT_OF_ORDER
        if is_api(request):
            return JsonResponse({"detail": sentence}, status=status.HTTP_503_SERVICE_UNAVAILABLE)
        page = render_to_string("trouble.html", {"sentence": sentence})
        return HttpResponse(page, status=status.HTTP_503_SERVICE_UNAVAILABLE)
