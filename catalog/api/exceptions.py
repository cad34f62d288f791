"""Exceptions of the API beside DRF's own.

They are separate from `errors`, because DRF loads our parsers, which raise them, before its views.
"""

from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.exceptions import APIException

from catalog.messages.translation import translated
from catalog.pictures.gate import too_large
from catalog.pictures.slots import Busy
from catalog.pictures.stored import image_limits


class TooLarge(APIException):
    """The file or the request is larger than allowed."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = lazy(lambda: translated(too_large(image_limits().bytes)), str)()


class TooBusy(APIException):
    """All slots are taken: by the client's own requests (429) or by those of others (503)."""

    wait = Busy.wait  # which DRF sends as Retry-After

    def __init__(self, busy: Busy) -> None:
        self.status_code = busy.status
        super().__init__(translated(busy))


class Conflict(APIException):
    """Another request changed the same rows first."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = _("Somebody changed the same just now. Try again.")
