"""The search endpoints: request in, `search()`, answer out."""

from time import perf_counter

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api.schema import ID, errors
from catalog.models import Product
from search.api.intake import answer_to, query_again, query_from, query_from_product
from search.api.requests import OptionsSerializer, QuerySerializer, SearchSerializer
from search.api.responses import AnswerSerializer
from search.api.throttles import FETCHES, throttle
from search.metrics import milliseconds
from search.queries.query import Query
from search.service import Options

ANSWER = AnswerSerializer()  # one for all requests, as making one takes longer than using it
BY_ADDRESS = {"image_url": "https://shop.example/photo.jpg", "threshold": 0.5, "limit": 24}


class SearchView(APIView):
    """Search by a photo, by the address of one, or by a product; or ask again."""

    authentication_classes = ()  # open to all, and so a session's cookie needs no CSRF token

    @extend_schema(
        summary="Search",
        request=SearchSerializer,
        examples=[
            OpenApiExample("By address", BY_ADDRESS, request_only=True),
            OpenApiExample("By product", {"product": 11}, request_only=True),
        ],
        responses={200: AnswerSerializer} | errors(400, 413, 415, 429, 503),
    )
    def post(self, request: Request) -> Response:
        started = perf_counter()
        throttle(request)
        given = SearchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if given.validated_data.get("image_url"):
            throttle(request, FETCHES)
        return _respond(request, query_from(given.validated_data), given.options(), started)

    @extend_schema(
        summary="Search again, with other options",
        parameters=[QuerySerializer],
        responses={200: AnswerSerializer} | errors(400, 429, 503),
    )
    def get(self, request: Request) -> Response:
        started = perf_counter()
        throttle(request)
        given = QuerySerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        query = query_again(given.validated_data)
        return _respond(request, query, given.options(), started)


@extend_schema(parameters=[ID])
class SimilarView(APIView):
    """The products that look like this one."""

    authentication_classes = ()

    @extend_schema(
        parameters=[OptionsSerializer],
        responses={200: AnswerSerializer} | errors(400, 404, 429, 503),
    )
    def get(self, request: Request, pk: int) -> Response:
        started = perf_counter()
        throttle(request)
        given = OptionsSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        if not Product.objects.filter(pk=pk, active=True).exists():
            raise NotFound
        query = query_from_product(pk, given.validated_data)
        return _respond(request, query, given.options(), started)


def _respond(request: Request, query: Query, options: Options, started: float) -> Response:
    data = ANSWER.to_representation(answer_to(query, options))
    for match in (*data["results"], *data["nearest"]):
        for name in ("image_src", "url"):
            match[name] = request.build_absolute_uri(match[name])
    data["timings_ms"]["total"] = milliseconds("total", started)
    return Response(data)
