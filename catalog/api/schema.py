"""Parts of the OpenAPI schema that drf-spectacular can't derive from the code."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from catalog.models import MAX_ID

Endpoint = tuple[str, str, str, Any]  # path, its regex, method, view
Schema = dict[str, Any]

ID = OpenApiParameter(
    "id",
    {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    OpenApiParameter.PATH,
    description="The product's number on this site.",
)
# As SKUField validates: no control characters, and not only spaces.
SKU = OpenApiParameter(
    "sku",
    {
        "type": "string",
        "maxLength": 64,
        "pattern": r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$",
    },
    OpenApiParameter.PATH,
    description="The shop's own key, percent-encoded.",
)


class ErrorSerializer(serializers.Serializer[Any]):
    """What is wrong, in a sentence."""

    detail = serializers.CharField(help_text="A sentence for a person.")


# By status: when it is returned, and an example of its sentence.
ERROR_EXAMPLES = {
    401: ("The token is invalid, or missing where one is required.", "Invalid token."),
    403: (
        "No permission, or no CSRF token in a session.",
        "You do not have permission to perform this action.",
    ),
    404: ("It does not exist.", "Not found."),
    409: (
        "Somebody else changed the same just now.",
        "Somebody changed the same just now. Try again.",
    ),
    413: (
        "The file, or the request as a whole, is too large.",
        "The file is too large; the maximum is 10 MB.",
    ),
    415: (
        "The content type of the body is not supported here.",
        'Unsupported media type "text/plain" in request.',
    ),
    429: (
        "Too many requests; `Retry-After` says how many seconds to wait.",
        "You have searched very often just now. Please try again in 12 seconds.",
    ),
    503: (
        "Not working, for example because the disk is full, or not ready yet.",
        "There is nothing to search yet: no product's picture has been read. "
        "Run: python manage.py build_embeddings",
    ),
}
ERRORS = {
    400: OpenApiResponse(
        OpenApiTypes.OBJECT,
        "What is wrong: sentences by field, or one sentence as `detail`.",
        [
            OpenApiExample("A field", {"price": ["A valid number is required."]}),
            OpenApiExample("The whole", {"detail": "The request can't be read."}),
        ],
    )
} | {
    status: OpenApiResponse(
        ErrorSerializer, when, [OpenApiExample("A sentence", {"detail": sentence})]
    )
    for status, (when, sentence) in ERROR_EXAMPLES.items()
}


def errors(*codes: int) -> dict[int, OpenApiResponse]:
    """The errors of these status codes, for `extend_schema(responses=...)`."""
    return {code: ERRORS[code] for code in codes}


def under_api(endpoints: list[Endpoint]) -> list[Endpoint]:
    """The documented endpoints, without `/search`, the old address of `/api/search/`."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/")]


def public(result: Schema, **_: Any) -> Schema:
    """The schema, where endpoints that work without a token do not ask for one."""
    for endpoint in result["paths"].values():
        for operation in endpoint.values():
            if {} in operation.get("security", ()):
                operation["security"] = []
    return result
