"""The endpoints of the catalog: everybody may read, staff may write."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Count, Prefetch, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import filters, generics, mixins, serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.parsers import BatchParser
from catalog.api.schema import ID, SKU, errors
from catalog.api.serializers import (
    AVAILABILITY,
    WORDS_OPTIONS,
    BatchAnswerSerializer,
    BatchItemSerializer,
    BatchSerializer,
    CategorySerializer,
    LineField,
    ProductDraftSerializer,
    ProductSerializer,
    RefetchAnswerSerializer,
    RefetchSerializer,
    RuledField,
    SKUField,
    StaffProductSerializer,
    UpsertSerializer,
)
from catalog.importers.writer import CREATED, FAILED, ProductWriter, Values, WriteResult
from catalog.models import (
    MAX_ID,
    Availability,
    Category,
    Product,
    ProductPhoto,
    fetch_products_again,
    has_words,
)
from catalog.tasks import batched_messages
from catalog.values import MAX_CATEGORY, MAX_GROUP, category_key, identifier

ADD, CHANGE, DELETE = (f"catalog.{verb}_product" for verb in ("add", "change", "delete"))
WRITE_ERRORS = errors(400, 401, 403, 409, 413, 415, 503)
PAGE = {
    "count": {"description": "The number of items on all pages."},
    "next": {"description": "The address of the next page; null on the last one."},
    "previous": {"description": "The address of the previous page; null on the first one."},
    "results": {"description": "The items on this page."},
}
NON_FIELD = "non_field_errors"
LOCATION = OpenApiParameter(
    "Location",
    str,
    OpenApiParameter.HEADER,
    description="The address of the new product.",
    response=[201],
)


class StaffWrites(BasePermission):
    """Everybody may read. Only staff with the view's `write_permissions` may write.

    The permissions are those that the admin gives to users and groups.
    """

    message = _("Only staff with permission may do this.")

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        needed = view.write_permissions.get(request.method, ())
        return request.user.is_staff and request.user.has_perms(needed)


class Pages(PageNumberPagination):
    page_size = 24
    page_size_query_param = "limit"
    max_page_size = 100

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        properties = {name: about | PAGE[name] for name, about in page["properties"].items()}
        return page | {"properties": properties}


class ProductView(generics.GenericAPIView[Product]):
    """Products as the user may see them: staff also see hidden ones and the pictures' states."""

    permission_classes = (IsAuthenticatedOrReadOnly, StaffWrites)
    write_permissions: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # by HTTP method
    draft_class: type[ProductDraftSerializer] = ProductDraftSerializer

    def get_queryset(self) -> QuerySet[Product]:
        photos = ProductPhoto.objects.only("product_id", "position", "image", "image_url")
        products: QuerySet[Product] = Product.objects.select_related("category")
        products = products.prefetch_related(Prefetch("photos", photos))
        return products if self.request.user.is_staff else products.filter(active=True)

    def get_serializer_class(self) -> type[ProductSerializer]:
        return StaffProductSerializer if self.request.user.is_staff else ProductSerializer

    def draft(self, *, partial: bool = False) -> Values:
        """The values in the request's body. Raises ValidationError."""
        draft = self.draft_class(data=self.request.data, partial=partial)
        draft.is_valid(raise_exception=True)
        values: Values = draft.validated_data
        return values

    def writer(self, *skus: str) -> ProductWriter:
        """A writer for products with these SKUs, with the user's permissions."""
        may_add = self.request.user.has_perm("catalog.add_category")
        return ProductWriter(skus, may_add_categories=may_add)

    def answer(self, result: WriteResult) -> Response:
        """The product as it is after the commit."""
        product = generics.get_object_or_404(self.get_queryset(), pk=result.id)
        data = self.get_serializer(product).data
        if result.status != CREATED:
            return Response(data)
        address = self.request.build_absolute_uri(reverse("api-product", args=(product.pk,)))
        return Response(data, status.HTTP_201_CREATED, headers={"Location": address})


class ListSerializer(serializers.Serializer[Any]):
    """The options of the list of products."""

    q = LineField(**WORDS_OPTIONS)
    search = LineField(**WORDS_OPTIONS | {"help_text": "Another name of `q`."})
    page = serializers.IntegerField(
        min_value=1, default=1, help_text="The page, from 1; a page after the last one is a 404."
    )
    limit = serializers.IntegerField(
        min_value=1,
        max_value=Pages.max_page_size,
        default=Pages.page_size,
        help_text="The number of products on a page.",
    )
    category = serializers.ListField(
        child=LineField(max_length=MAX_CATEGORY),
        max_length=100,
        default=list,
        help_text="Only products of this category, by name; repeat it for more.",
    )
    brand = serializers.ListField(
        child=RuledField(max_length=100),
        max_length=100,
        default=list,
        help_text="Only products of this brand, such as Acme; repeat it for more.",
    )
    group = serializers.ListField(
        child=RuledField(identifier, max_length=MAX_GROUP),
        max_length=100,
        default=list,
        help_text="Only the variants in this group; repeat it for more.",
    )
    availability = serializers.ListField(
        child=serializers.ChoiceField(**AVAILABILITY),
        max_length=len(Availability.choices),
        default=list,
        help_text="Only products that can be bought in this way; repeat it for more.",
    )
    id = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID),
        max_length=Pages.max_page_size,
        default=list,
        help_text="Only the product with this number; repeat it for more.",
    )


class ListFilter(filters.BaseFilterBackend):
    """Filters by words and by fields."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        options = ListSerializer(data=request.query_params)
        options.is_valid(raise_exception=True)
        for name in ("q", "search"):
            queryset = queryset.filter(has_words(options.validated_data[name]))
        if categories := options.validated_data["category"]:
            queryset = queryset.filter(category__key__in=map(category_key, categories))
        for name in ("brand", "group", "availability", "id"):
            if values := options.validated_data[name]:
                queryset = queryset.filter(**{f"{name}__in": values})
        return queryset


class ProductList(mixins.ListModelMixin, ProductView):
    pagination_class = Pages
    filter_backends = (ListFilter,)
    write_permissions: ClassVar = {"POST": (ADD,)}

    @extend_schema(
        parameters=[ListSerializer],
        responses={200: ProductSerializer(many=True)} | errors(400, 401, 404),
    )
    def get(self, request: Request) -> Response:
        """Products by id, all of them or those with some words."""
        return self.list(request)

    @extend_schema(
        request=ProductDraftSerializer,
        parameters=[LOCATION],
        responses={201: StaffProductSerializer} | WRITE_ERRORS,
    )
    def post(self, request: Request) -> Response:
        """Create a product."""
        values = self.draft()
        with batched_messages(), transaction.atomic():
            result = _successful(self.writer().write(Product(), values))
        return self.answer(result)


@extend_schema(parameters=[ID])
class ProductDetail(mixins.RetrieveModelMixin, ProductView):
    write_permissions: ClassVar = {"PUT": (CHANGE,), "PATCH": (CHANGE,), "DELETE": (DELETE,)}

    @extend_schema(responses={200: ProductSerializer} | errors(401, 404))
    def get(self, request: Request, pk: int) -> Response:
        """One product."""
        return self.retrieve(request)

    @extend_schema(
        request=ProductDraftSerializer,
        responses={200: StaffProductSerializer} | WRITE_ERRORS | errors(404),
    )
    def put(self, request: Request, pk: int) -> Response:
        """Change a product. Optional fields that are missing stay as they are."""
        return self._change(pk)

    @extend_schema(
        request=ProductDraftSerializer(partial=True),
        responses={200: StaffProductSerializer} | WRITE_ERRORS | errors(404),
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change some of a product's fields."""
        return self._change(pk, partial=True)

    @extend_schema(responses={204: None} | errors(401, 403, 404))
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a product with its pictures."""
        self.get_object().delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _change(self, pk: int, *, partial: bool = False) -> Response:
        self.get_object()
        values = self.draft(partial=partial)
        products = Product.objects.select_for_update(of=("self",)).select_related("category")
        with batched_messages(), transaction.atomic():
            product = generics.get_object_or_404(products, pk=pk)
            result = _successful(self.writer().write(product, values))
        return self.answer(result)


@extend_schema(parameters=[SKU])
class ProductBySKU(ProductView):
    lookup_field = "sku"
    draft_class = UpsertSerializer
    write_permissions: ClassVar = {"PUT": (ADD, CHANGE), "DELETE": (DELETE,)}

    @extend_schema(responses={200: ProductSerializer} | errors(400, 401, 404))
    def get(self, request: Request, sku: str) -> Response:
        """One product, by its SKU."""
        return Response(self.get_serializer(self._product(sku)).data)

    @extend_schema(
        request=UpsertSerializer,
        parameters=[LOCATION],
        # 404: the URL pattern matches no SKU with a line break in it.
        responses={200: StaffProductSerializer, 201: StaffProductSerializer}
        | WRITE_ERRORS
        | errors(404),
    )
    def put(self, request: Request, sku: str) -> Response:
        """Create the product with this SKU, or change it.

        Missing fields stay as they are. If nothing differs, nothing is written.
        """
        values = self.draft()
        sku = SKUField().of_address(sku)
        if values.get("sku", sku) != sku:
            raise ValidationError({"sku": [gettext("This is not the SKU in the address.")]})
        with batched_messages(), transaction.atomic():
            result = _successful(self.writer(sku).upsert({**values, "sku": sku}))
        return self.answer(result)

    @extend_schema(responses={204: None} | errors(400, 401, 403, 404))
    def delete(self, request: Request, sku: str) -> Response:
        """Delete the product with this SKU, and its pictures."""
        self._product(sku).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _product(self, sku: str) -> Product:
        product: Product
        product = generics.get_object_or_404(self.get_queryset(), sku=SKUField().of_address(sku))
        return product


class ProductBatch(ProductView):
    parser_classes = (BatchParser,)
    write_permissions: ClassVar = {"POST": (ADD, CHANGE)}

    @extend_schema(request=BatchSerializer, responses={200: BatchAnswerSerializer} | WRITE_ERRORS)
    def post(self, request: Request) -> Response:
        """Create, change and delete many products by their SKUs; an item that fails stops no other.

        The status is 200 even where items failed; there is a result for each item.
        """
        batch = BatchSerializer(data=request.data)
        batch.is_valid(raise_exception=True)
        if "delete" in batch.validated_data and not request.user.has_perm(DELETE):
            self.permission_denied(request)
        # Validated before the transaction, which holds locks.
        draft = BatchItemSerializer(data={}, error_messages={"null": gettext("No data provided.")})
        upserts = [_validate(item, draft) for item in batch.validated_data.get("products", ())]
        deletions = [
            # A number, though it could be read as a SKU, is more likely an id.
            _validate({"sku": sku}, draft) if isinstance(sku, str) else _no_sku()
            for sku in batch.validated_data.get("delete", ())
        ]
        skus = {item["sku"] for item in upserts + deletions if not isinstance(item, WriteResult)}
        with batched_messages(), transaction.atomic():
            writer = self.writer(*skus)
            written = iter(
                writer.upsert_all([item for item in upserts if not isinstance(item, WriteResult)])
            )
            results = [item if isinstance(item, WriteResult) else next(written) for item in upserts]
            results += [
                item if isinstance(item, WriteResult) else writer.delete(item["sku"])
                for item in deletions
            ]
        return Response(BatchAnswerSerializer({"results": results}).data)


class ProductRefetch(ProductView):
    parser_classes = (BatchParser,)
    write_permissions: ClassVar = {"POST": (CHANGE,)}

    @extend_schema(
        request=RefetchSerializer, responses={202: RefetchAnswerSerializer} | WRITE_ERRORS
    )
    def post(self, request: Request) -> Response:
        """Have pictures fetched again, because they have changed behind their addresses.

        Pictures without an address stay as they are; uploaded ones with an address are replaced.
        """
        asked = RefetchSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        skus = asked.validated_data["skus"]
        found = dict(Product.objects.filter(sku__in=skus).values_list("sku", "pk"))
        answer = {
            "pictures": fetch_products_again(list(found.values())),
            "unknown": [sku for sku in skus if sku not in found],
        }
        return Response(RefetchAnswerSerializer(answer).data, status.HTTP_202_ACCEPTED)


class CategoryList(generics.ListAPIView[Category]):
    """Categories with the number of their active products. Only staff see those without any."""

    serializer_class = CategorySerializer
    pagination_class = None

    def get_queryset(self) -> QuerySet[Category]:
        active = Count("products", filter=Q(products__active=True))
        categories = Category.objects.annotate(product_count=active).order_by("name")
        return categories if self.request.user.is_staff else categories.filter(product_count__gt=0)

    @extend_schema(responses={200: CategorySerializer(many=True)} | errors(401))
    def get(self, request: Request) -> Response:
        return super().get(request)


def _successful(result: WriteResult) -> WriteResult:
    """The result. Raises ValidationError where it failed, so that the transaction rolls back."""
    if result.status == FAILED:
        raise ValidationError(result.errors)
    return result


def _no_sku() -> WriteResult:
    sentence = gettext('Give the SKU as text, such as "mug-42".')
    return WriteResult(FAILED, None, errors={"sku": [sentence]})


def _validate(item: object, draft: BatchItemSerializer) -> Values | WriteResult:
    """The values of a batch's item, or a result that says what is wrong with it.

    All items share the draft, because making one takes longer than validating an item.
    """
    draft.initial_data = item
    try:
        values: Values = draft.run_validation(item)
    except ValidationError as error:
        sku = item.get("sku") if isinstance(item, dict) else None
        named = error.detail if isinstance(error.detail, dict) else {NON_FIELD: error.detail}
        return WriteResult(FAILED, str(sku) if isinstance(sku, str | int) else None, errors=named)
    return values
