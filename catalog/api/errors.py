"""Errors of the API as answers: DRF's own, and those that Django or the database raise."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import IntegrityError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    JsonResponse,
    UnreadablePostError,
)
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views import defaults
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, ParseError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from catalog.api.exceptions import Conflict, TooLarge

UNREADABLE = _("The request can't be read.")
# What Django raises before a view runs, or the database at the commit; subclasses come first.
ANSWERS = (
    (RequestDataTooBig, TooLarge, _("The text of this request is too large.")),
    (TooManyFilesSent, TooLarge, _("The request has too many files.")),
    (TooManyFieldsSent, TooLarge, _("The request has too many fields.")),
    (SuspiciousOperation, ParseError, UNREADABLE),
    (BadRequest, ParseError, UNREADABLE),
    (Http404, NotFound, None),  # Django's own names a model
    (UnreadablePostError, ParseError, _("The upload broke off.")),
    (IntegrityError, Conflict, None),
)


def answer_to(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler, which also answers the errors of Django and the database."""
    response = exception_handler(_as_api_error(error) or error, context)
    if response is not None and isinstance(response.data, dict):
        response.data = {name: _sentences(detail) for name, detail in response.data.items()}
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to a request that Django refuses."""
    if not (is_api(request) or is_admin(request)):
        return defaults.bad_request(request, exception)
    answer = _as_api_error(exception) or ParseError(UNREADABLE)
    return trouble(request, str(answer.detail), status=answer.status_code)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to somebody without permission."""
    if not (is_api(request) or is_admin(request)):
        return defaults.permission_denied(request, PermissionDenied())
    sentence = gettext("You may not do this. Somebody who manages the users can allow it.")
    return trouble(request, sentence, status=status.HTTP_403_FORBIDDEN)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The answer to a form of the admin without its token, and to methods that no page has."""
    if request.method != "POST":
        return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
    sentence = gettext("This form has expired. Go back, reload the page and send it again.")
    return trouble(request, sentence, status=status.HTTP_403_FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer for an unknown address."""
    if not (is_api(request) or is_admin(request)):
        return defaults.page_not_found(request, exception)
    return trouble(request, gettext("Not found."), status=status.HTTP_404_NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer to an unexpected error."""
    if not (is_api(request) or is_admin(request)):
        return defaults.server_error(request)
    sentence = gettext("Something broke on our side. It has been noted.")
    return trouble(request, sentence, status=status.HTTP_500_INTERNAL_SERVER_ERROR)


def trouble(request: HttpRequest, sentence: str, *, status: int) -> HttpResponse:
    """JSON for the API, else a page in the look of the admin or of the shop.

    The pages ask nothing of the database, which may be down.
    """
    if is_api(request):
        return JsonResponse({"detail": sentence}, status=status)
    context = {"site_header": admin.site.site_header, "sentence": sentence}
    template = "admin/trouble.html" if is_admin(request) else "trouble.html"
    return HttpResponse(render_to_string(template, context), status=status)


def is_admin(request: HttpRequest) -> bool:
    """Whether the request is for a page of the admin."""
    return request.path.startswith(reverse("admin:index"))


def is_api(request: HttpRequest) -> bool:
    """Whether the client expects JSON; `/search` is the API of photo-analyzer's clients."""
    return request.path_info.startswith("/api/") or request.path_info == "/search"


def _sentences(detail: Any) -> Any:
    """The sentences about a field; those about items of a list name the item, from 1."""
    if not (isinstance(detail, dict) and all(isinstance(place, int) for place in detail)):
        return detail
    text = gettext("Item %(number)s: %(sentence)s")
    return [
        text % {"number": place + 1, "sentence": each} for place in detail for each in detail[place]
    ]


def _as_api_error(error: Exception) -> APIException | None:
    """The error of the API for one of Django's, in the language of the request."""
    return next((api(text) for kind, api, text in ANSWERS if isinstance(error, kind)), None)
