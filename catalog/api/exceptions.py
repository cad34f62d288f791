"""Exceptions of the API beside DRF's own.

They are separate from `errors`, because DRF loads our parsers, which raise them, before its views.
"""

from django.utils.functional import lazy
from rest_framework import status
from rest_framework.exceptions import APIException

from catalog.pictures.stored import image_limits


class TooLarge(APIException):
    """The file or the request is larger than allowed."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = lazy(
        lambda: f"The file is too large; the maximum is {image_limits().bytes / 2**20:g} MB.", str
    )()


class Conflict(APIException):
    """Another request changed the same rows first."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "Somebody changed the same just now. Try again."
