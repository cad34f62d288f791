"""The search endpoints: a request is validated, searched for, and answered."""

from time import perf_counter
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api.schema import ID, SKU, errors
from catalog.api.serializers import SKUField
from catalog.models import Product
from search.api.intake import answer_to, query_of, record
from search.api.serializers import (
    AnswerSerializer,
    OptionsSerializer,
    QuerySerializer,
    SearchSerializer,
)
from search.api.throttles import AddressThrottle, SearchThrottle, client_of
from search.metrics import milliseconds

ANSWER = AnswerSerializer()  # shared by all requests, because making one takes longer than using it
BY_ADDRESS = {"image_url": "https://shop.example/photo.jpg", "threshold": 0.5, "limit": 24}


class AnsweringView(APIView):
    """A view that answers with what a search found, and how long it took."""

    authentication_classes = ()  # open to all; without sessions no CSRF token is needed
    throttle_classes = (SearchThrottle, AddressThrottle)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.started = perf_counter()
        super().initial(request, *args, **kwargs)

    def respond(self, given: OptionsSerializer, **fields: Any) -> Response:
        """Search, record that, and describe what was found. Raises APIException."""
        given.is_valid(raise_exception=True)
        asked = given.asked(client=client_of(self.request), **fields)
        answer = answer_to(query_of(asked), asked.options)
        record(answer, asked.client)
        data = ANSWER.to_representation(answer)
        for match in (*data["results"], *data["nearest"]):
            for name in ("image_src", "thumbnail_src", "url"):
                match[name] = self.request.build_absolute_uri(match[name])
        data["timings_ms"]["total"] = milliseconds("total", self.started)
        return Response(data)


class SearchView(AnsweringView):
    """Search by a photo, by the address of one, or by a product; or repeat a search."""

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
        return self.respond(SearchSerializer(data=request.data))

    @extend_schema(
        summary="Repeat a search with other options",
        parameters=[QuerySerializer],
        responses={200: AnswerSerializer} | errors(400, 429, 503),
    )
    def get(self, request: Request) -> Response:
        return self.respond(QuerySerializer(data=request.query_params))


@extend_schema(parameters=[ID])
class SimilarView(AnsweringView):
    """The products that look like this one."""

    @extend_schema(
        parameters=[OptionsSerializer],
        responses={200: AnswerSerializer} | errors(400, 404, 429, 503),
    )
    def get(self, request: Request, pk: int) -> Response:
        if not Product.objects.filter(pk=pk, active=True).exists():
            raise NotFound
        return self.respond(OptionsSerializer(data=request.query_params), product=pk)


@extend_schema(parameters=[SKU])
class SimilarBySKUView(AnsweringView):
    """The products that look like the one with this SKU."""

    @extend_schema(
        parameters=[OptionsSerializer],
        responses={200: AnswerSerializer} | errors(400, 404, 429, 503),
    )
    def get(self, request: Request, sku: str) -> Response:
        products = Product.objects.filter(sku=SKUField().of_address(sku), active=True)
        pk = products.values_list("pk", flat=True).first()
        if pk is None:
            raise NotFound(gettext("There is no product with this SKU."))
        return self.respond(OptionsSerializer(data=request.query_params), product=pk)
