"""The catalog by the shop's own keys, for the system that keeps it in step."""

from collections.abc import Callable
from typing import ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.changes import FAILED, Outcome, Values, delete, upsert
from catalog.api.drafts import BatchItemSerializer, BatchSerializer, UpsertSerializer
from catalog.api.fields import SKUField
from catalog.api.parsers import BatchParser
from catalog.api.permissions import ADD, CHANGE, DELETE
from catalog.api.schema import SKU, errors
from catalog.api.serializers import BatchAnswerSerializer, ProductSerializer, StaffProductSerializer
from catalog.api.views import LOCATION, WRITING, ProductView
from catalog.models import Product
from catalog.signals import in_one_request


@extend_schema(parameters=[SKU])
class ProductBySKU(ProductView):
    lookup_field = "sku"
    draft_class = UpsertSerializer
    rights: ClassVar = {"PUT": (ADD, CHANGE), "DELETE": (DELETE,)}

    @extend_schema(responses={200: ProductSerializer} | errors(400, 401, 404))
    def get(self, request: Request, sku: str) -> Response:
        """One product, by its SKU."""
        return Response(self.get_serializer(self._product(sku)).data)

    @extend_schema(
        request=UpsertSerializer,
        parameters=[LOCATION],
        responses={200: StaffProductSerializer, 201: StaffProductSerializer} | WRITING,
    )
    def put(self, request: Request, sku: str) -> Response:
        """Create the product with this SKU, or change it.

        What is left out stays as it is, and what would change nothing does nothing.
        """
        values = self.draft()
        sku = _checked(sku)
        if values.get("sku", sku) != sku:
            raise ValidationError({"sku": ["This is not the SKU in the address."]})
        return self.answer(upsert({**values, "sku": sku}))

    @extend_schema(responses={204: None} | errors(400, 401, 403, 404))
    def delete(self, request: Request, sku: str) -> Response:
        """Delete the product with this SKU, and its pictures."""
        self._product(sku).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _product(self, sku: str) -> Product:
        product: Product = get_object_or_404(self.get_queryset(), sku=_checked(sku))
        return product


class ProductBatch(ProductView):
    parser_classes = (BatchParser,)
    rights: ClassVar = {"POST": (ADD, CHANGE)}

    @extend_schema(
        request=BatchSerializer,
        responses={200: BatchAnswerSerializer} | errors(400, 401, 403, 409, 413, 415, 503),
    )
    def post(self, request: Request) -> Response:
        """Upsert and delete many products by their SKUs; what fails leaves the others alone.

        The answer is 200 whatever became of the items; it has a result for each.
        """
        given = BatchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if "delete" in given.validated_data and not request.user.has_perm(DELETE):
            self.permission_denied(request)
        upserts = [self._item(item) for item in given.validated_data.get("products", ())]
        deletions = [self._item({"sku": sku}) for sku in given.validated_data.get("delete", ())]
        with in_one_request(), transaction.atomic():
            results = [_attempt(upsert, item) for item in upserts]
            results += [_attempt(delete, item) for item in deletions]
        return Response(BatchAnswerSerializer({"results": results}).data)

    def _item(self, item: object) -> BatchItemSerializer:
        """The item, looked at before the transaction begins."""
        given = BatchItemSerializer(data=item, context=self.get_serializer_context())
        given.is_valid()
        return given


def _attempt(change: Callable[[Values], Outcome], item: BatchItemSerializer) -> Outcome:
    if item.errors:
        return Outcome(FAILED, _sku(item.initial_data), errors=item.errors)
    values: Values = item.validated_data
    try:
        return change(values)
    except ValidationError as error:
        return Outcome(FAILED, values["sku"], errors=error.detail)


def _sku(item: object) -> str | None:
    """The SKU as it was sent, where there is one."""
    sku = item.get("sku") if isinstance(item, dict) else None
    return str(sku) if isinstance(sku, str | int) else None


def _checked(sku: str) -> str:
    try:
        checked: str = SKUField().run_validation(sku)
    except ValidationError as error:
        raise ValidationError({"sku": error.detail}) from error
    return checked
