"""Answers requests that the machine can't serve: its disk is full, or it is very busy."""

import logging

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext_lazy as _
from rest_framework import status

from catalog.api.errors import trouble
from catalog.messages.translation import translated
from catalog.pictures.slots import Busy
from catalog.pictures.storage import NotStored

logger = logging.getLogger(__name__)

# A full or read-only disk and an unreachable database raise these.
MACHINE_ERRORS = (NotStored, OSError, OperationalError)
OUT_OF_ORDER = _("The server has a problem at the moment. Please try again later.")


class TroubleMiddleware(MiddlewareMixin):
    """Answers with a sentence where the disk or the database failed, or all slots are taken."""

    async_capable = False

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The answer to errors of the machine; Django handles all other errors."""
        if isinstance(error, Busy):
            response = trouble(request, translated(error), status=error.status)
            response["Retry-After"] = str(error.wait)
            return response
        if not isinstance(error, MACHINE_ERRORS):
            return None
        logger.exception("A request could not be answered.", exc_info=error)
        sentence = translated(error) if isinstance(error, NotStored) else str(OUT_OF_ORDER)
        return trouble(request, sentence, status=status.HTTP_503_SERVICE_UNAVAILABLE)
