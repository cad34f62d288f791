"""The photo that was searched with, for pages of other origins, which have no copy of it."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.api.schema import errors
from search.api.explain import QUERY
from search.api.intake import http_errors
from search.api.throttles import SearchThrottle, client_of
from search.queries.query import preview_of


class PhotoView(APIView):
    """A small copy of a search's photo, for pages that got it by address or can't show it."""

    authentication_classes = ()
    throttle_classes = (SearchThrottle,)

    @extend_schema(
        summary="The photo of a search",
        operation_id="search_photo",
        parameters=[QUERY],
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY} | errors(404, 429, 503),
    )
    def get(self, request: Request, query: str) -> HttpResponse:
        with http_errors():
            preview = preview_of(query, client=client_of(request))
        if not preview:
            raise NotFound
        return HttpResponse(
            preview, "image/jpeg", headers={"Cache-Control": "private, max-age=3600"}
        )
