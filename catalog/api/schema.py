"""What the API's schema says beyond what can be read off the code."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

Endpoint = tuple[str, str, str, Any]  # path, its regex, method, view
Schema = dict[str, Any]

ID = OpenApiParameter(
    "id",
    {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    OpenApiParameter.PATH,
    description="The product's number here.",
)
# As SKUField has it: no control characters, and not spaces alone.
SKU = OpenApiParameter(
    "sku",
    {
        "type": "string",
        "maxLength": 64,
        "pattern": r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$",
    },
    OpenApiParameter.PATH,
    description="The shop's own key; what an address can't hold is percent-encoded.",
)


class ErrorSerializer(serializers.Serializer[Any]):
    """What is wrong, in a sentence."""

    detail = serializers.CharField(help_text="A sentence for a person.")


ERRORS = {
    400: OpenApiResponse(
        OpenApiTypes.OBJECT, "What is wrong: sentences by field, or one as `detail`."
    ),
    401: OpenApiResponse(ErrorSerializer, "The token is false or, where it takes one, missing."),
    403: OpenApiResponse(ErrorSerializer, "No right to do this, or no CSRF token in a session."),
    404: OpenApiResponse(ErrorSerializer, "There is no such thing."),
    409: OpenApiResponse(ErrorSerializer, "Somebody else changed the same just now."),
    413: OpenApiResponse(ErrorSerializer, "The file, or the request as a whole, is too large."),
    415: OpenApiResponse(ErrorSerializer, "The body is of a type that is not taken here."),
    429: OpenApiResponse(ErrorSerializer, "Too many requests; `Retry-After` is how long to wait."),
    503: OpenApiResponse(ErrorSerializer, "Out of order, such as a full disk, or not ready yet."),
}


def errors(*codes: int) -> dict[int, OpenApiResponse]:
    """The errors of these status codes, for `extend_schema(responses=...)`."""
    return {code: ERRORS[code] for code in codes}


def under_api(endpoints: list[Endpoint]) -> list[Endpoint]:
    """The endpoints to tell of: `/search`, the original's address, is `/api/search/` again."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/")]


def public(result: Schema, **_: Any) -> Schema:
    """The schema whose endpoints ask for no key where they can do without."""
    for endpoint in result["paths"].values():
        for operation in endpoint.values():
            if {} in operation.get("security", ()):
                operation["security"] = []
    return result
