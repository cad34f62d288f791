"""What the API's schema says beyond what can be read off the code."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

Endpoint = tuple[str, str, str, Any]  # path, its regex, method, view


class ErrorSerializer(serializers.Serializer[Any]):
    """What is wrong, in a sentence."""

    detail = serializers.CharField()


ERRORS = {
    400: OpenApiResponse(
        OpenApiTypes.OBJECT, "What is wrong: sentences by field, or one as `detail`."
    ),
    401: OpenApiResponse(ErrorSerializer, "The token is false or, where it takes one, missing."),
    403: OpenApiResponse(ErrorSerializer, "No right to do this, or no CSRF token in a session."),
    404: OpenApiResponse(ErrorSerializer, "There is no such thing."),
    409: OpenApiResponse(ErrorSerializer, "Somebody else changed the same just now."),
    413: OpenApiResponse(ErrorSerializer, "The file is too large."),
    415: OpenApiResponse(ErrorSerializer, "The body is of a type that is not taken here."),
    429: OpenApiResponse(ErrorSerializer, "Too many requests; `Retry-After` is how long to wait."),
    503: OpenApiResponse(ErrorSerializer, "There is no index or no network yet."),
}


def errors(*codes: int) -> dict[int, OpenApiResponse]:
    """The errors of these status codes, for `extend_schema(responses=...)`."""
    return {code: ERRORS[code] for code in codes}


def under_api(endpoints: list[Endpoint]) -> list[Endpoint]:
    """The endpoints to tell of: `/search`, the original's address, is `/api/search/` again."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/")]
