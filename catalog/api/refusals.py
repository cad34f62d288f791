"""What the API says where DRF has no words for it."""

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import IntegrityError
from django.http import UnreadablePostError
from django.utils.functional import lazy
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError

from catalog.pictures.limits import image_limits


def _too_large() -> str:
    return f"The file is too large; {image_limits().bytes / 2**20:g} MB are the most."


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = lazy(_too_large, str)()


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "Somebody changed the same just now. Try again."


# What Django refuses before a view has seen it; the most special first.
REFUSALS: tuple[tuple[type[Exception], APIException], ...] = (
    (RequestDataTooBig, TooLarge("The text of this request is too large.")),
    (TooManyFilesSent, TooLarge("The request has too many files.")),
    (TooManyFieldsSent, TooLarge("The request has too many fields.")),
    (SuspiciousOperation, ParseError("The request can't be read.")),
    (BadRequest, ParseError("The request can't be read.")),
    (UnreadablePostError, ParseError("The upload broke off.")),  # nobody is there to read it
    (IntegrityError, Conflict()),  # only the database could see it, at the commit
)


def refusal_of(error: Exception) -> APIException | None:
    """What the API says of this error of Django's, None where it is another kind."""
    return next((answer for kind, answer in REFUSALS if isinstance(error, kind)), None)
