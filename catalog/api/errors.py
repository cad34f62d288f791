"""The errors that the API answers with beside DRF's own."""

from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import page_not_found
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from catalog.images import ImageLimits


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"The file is too large; {ImageLimits().bytes // 2**20} MB are the most."


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "Somebody changed the same just now. Try again."


def answer_to(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer; what only the database could see, at the commit, is a conflict."""
    return exception_handler(Conflict() if isinstance(error, IntegrityError) else error, context)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer where an address leads nowhere: a page, or JSON under /api/."""
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": "Not found."}, status=status.HTTP_404_NOT_FOUND)
    return page_not_found(request, exception)
