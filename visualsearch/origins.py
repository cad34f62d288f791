"""What other sites may do here: their scripts may read some answers, their pages may frame ours.

The sites are those in CORS_ALLOWED_ORIGINS, CORS_ALLOWED_ORIGIN_REGEX and FRAME_ANCESTORS.
"""

import re

from corsheaders.middleware import CorsMiddleware
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

READING = {"GET", "HEAD"}
# Paths below URL_PREFIX, and the methods that are shared. Other sites can't write products.
SHARED = (
    (re.compile(r"/api/search/|/search"), READING | {"POST"}),
    (re.compile(r"/api/search/.+/(explain/.+|photo)/"), READING),
    (re.compile(r"/api/(products(/.+)?|categories|widget/.+)/"), READING),
    (re.compile(r"/media/.+"), READING),
)
# Names of views; never the admin or the API's docs, where staff act with their permissions.
FRAMED = {"search", "products", "product", "map", "share"}


class SharingMiddleware(CorsMiddleware):
    """Lets scripts of the allowed origins read the paths in SHARED, each with its own methods."""

    def is_enabled(self, request: HttpRequest) -> bool:
        method = request.method
        if method == "OPTIONS":  # a preflight request, which asks about another method
            method = request.headers.get("Access-Control-Request-Method")
        return any(
            path.fullmatch(request.path_info) and method in methods for path, methods in SHARED
        )


class FramingMiddleware(CSPMiddleware):
    """Sends the policy, which lets the sites in FRAME_ANCESTORS frame the pages in FRAMED."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if _is_framed(request):
            del response["X-Frame-Options"]  # which can't name origins
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if _is_framed(request):
            parts.replace = {"frame-ancestors": settings.FRAME_ANCESTORS}
        return parts


def sharing_headers(request: HttpRequest) -> list[tuple[str, str]]:
    """The headers that let another origin read an answer that does not come from Django."""
    response = HttpResponse()
    del response["Content-Type"]
    SharingMiddleware(lambda _: response).add_response_headers(request, response)
    return list(response.items())


def _is_framed(request: HttpRequest) -> bool:
    match = request.resolver_match
    return bool(settings.FRAME_ANCESTORS and match and match.view_name in FRAMED)
