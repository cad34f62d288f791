"""The errors that the API answers with beside DRF's own."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from catalog.api.refusals import refusal_of


def answer_to(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's answer, to what Django itself or the database refuses as well."""
    return exception_handler(refusal_of(error) or error, context)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to a request that Django refuses: a page, or JSON for the API."""
    refusal = refusal_of(exception)
    if refusal is None or not is_api(request):
        return defaults.bad_request(request, exception)
    return JsonResponse({"detail": refusal.detail}, status=refusal.status_code)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer where somebody lacks a right: a page, or JSON for the API."""
    if is_api(request):
        return JsonResponse({"detail": "You may not do this."}, status=status.HTTP_403_FORBIDDEN)
    return defaults.permission_denied(request, PermissionDenied())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer where an address leads nowhere: a page, or JSON for the API."""
    if is_api(request):
        return JsonResponse({"detail": "Not found."}, status=status.HTTP_404_NOT_FOUND)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer where something broke: a page, or JSON for the API."""
    if is_api(request):
        detail = "Something broke on our side. It has been noted."
        return JsonResponse({"detail": detail}, status=status.HTTP_500_INTERNAL_SERVER_ERROR)
    return defaults.server_error(request)


def is_api(request: HttpRequest) -> bool:
    """Whether who asks expects JSON; `/search` is where the original had its API."""
    return request.path.startswith("/api/") or request.path == "/search"
