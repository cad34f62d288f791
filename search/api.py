"""The search endpoints: request in, `search()`, answer out."""

from time import perf_counter

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Product
from search.answers import Options
from search.intake import answer_to, query_again, query_from, query_from_product
from search.queries import Query
from search.serializers import (
    AnswerSerializer,
    OptionsSerializer,
    QuerySerializer,
    SearchSerializer,
)


class SearchView(APIView):
    """Search by a photo, by the address of one, or by a product; or ask again."""

    authentication_classes = ()  # open to all, and so a session's cookie needs no CSRF token

    @extend_schema(request=SearchSerializer, responses=AnswerSerializer)
    def post(self, request: Request) -> Response:
        started = perf_counter()
        given = SearchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return _respond(request, query_from(given.validated_data), given.options(), started)

    @extend_schema(parameters=[QuerySerializer], responses=AnswerSerializer)
    def get(self, request: Request) -> Response:
        started = perf_counter()
        given = QuerySerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        query = query_again(given.validated_data["query"])
        return _respond(request, query, given.options(), started)


class SimilarView(APIView):
    """The products that look like this one."""

    authentication_classes = ()

    @extend_schema(parameters=[OptionsSerializer], responses=AnswerSerializer)
    def get(self, request: Request, pk: int) -> Response:
        started = perf_counter()
        given = OptionsSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        if not Product.objects.filter(pk=pk, active=True).exists():
            raise NotFound
        return _respond(request, query_from_product(pk), given.options(), started)


def _respond(request: Request, query: Query, options: Options, started: float) -> Response:
    answer = answer_to(query, options)
    context = {"request": request, "started": started}
    return Response(AnswerSerializer(answer, context=context).data)
