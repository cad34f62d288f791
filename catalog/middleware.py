"""Answers requests that the machine can't serve, for example because its disk is full."""

import logging

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from rest_framework import status

from catalog.api.errors import trouble
from catalog.pictures.slots import Busy
from catalog.pictures.storage import NotStored

logger = logging.getLogger(__name__)

# A full or read-only disk and an unreachable database raise these.
MACHINE_ERRORS = (NotStored, OSError, OperationalError)
OUT_OF_ORDER = "The server has a problem at the moment. Please try again later."


class TroubleMiddleware(MiddlewareMixin):
    """Answers with status 503 and a sentence where the disk or the database failed."""

    async_capable = False

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The answer to errors of the machine; Django handles all other errors."""
        if not isinstance(error, (*MACHINE_ERRORS, Busy)):
            return None
        if not isinstance(error, Busy):
            logger.exception("A request could not be answered.", exc_info=error)
        sentence = str(error) if isinstance(error, NotStored | Busy) else OUT_OF_ORDER
        return trouble(request, sentence, status=status.HTTP_503_SERVICE_UNAVAILABLE)
