"""The catalog's endpoints: everybody reads, staff write."""

from typing import Any, ClassVar

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import filters, generics, mixins, serializers, status
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.changes import CREATED, Outcome, Values, change, create
from catalog.api.drafts import ProductDraftSerializer
from catalog.api.fields import LineField
from catalog.api.permissions import ADD, CHANGE, DELETE, Rights, StaffWrites
from catalog.api.schema import ID, errors
from catalog.api.serializers import CategorySerializer, ProductSerializer, StaffProductSerializer
from catalog.models import Category, Product

WRITING = errors(400, 401, 403, 409, 413, 415, 503)
MOST_TERMS = 20  # the database takes a few hundred at most
PAGE = {
    "count": {"description": "How many there are on all pages."},
    "next": {"description": "The address of the next page; null on the last one."},
    "previous": {"description": "The address of the page before; null on the first one."},
    "results": {"description": "What is on this page."},
}
LOCATION = OpenApiParameter(
    "Location", str, OpenApiParameter.HEADER, description="Where it is now.", response=[201]
)


class Pages(PageNumberPagination):
    page_size = 24
    page_size_query_param = "limit"
    max_page_size = 100

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        said = {name: about | PAGE[name] for name, about in page["properties"].items()}
        return page | {"properties": said}


class ProductView(generics.GenericAPIView[Product]):
    """Products as the person who asks may see them: staff see hidden ones and their state."""

    permission_classes = (IsAuthenticatedOrReadOnly, StaffWrites)
    rights: ClassVar[Rights] = {}
    draft_class: type[ProductDraftSerializer] = ProductDraftSerializer

    def get_queryset(self) -> QuerySet[Product]:
        products: QuerySet[Product] = Product.objects.select_related("category")
        return products if self.request.user.is_staff else products.filter(active=True)

    def get_serializer_class(self) -> type[ProductSerializer]:
        return StaffProductSerializer if self.request.user.is_staff else ProductSerializer

    def draft(self, *, partial: bool = False) -> Values:
        """What was sent, validated. Raises ValidationError."""
        context = self.get_serializer_context()
        given = self.draft_class(data=self.request.data, partial=partial, context=context)
        given.is_valid(raise_exception=True)
        values: Values = given.validated_data
        return values

    def answer(self, outcome: Outcome) -> Response:
        """The product as it is after the commit."""
        product = generics.get_object_or_404(self.get_queryset(), pk=outcome.id)
        data = self.get_serializer(product).data
        if outcome.status != CREATED:
            return Response(data)
        place = self.request.build_absolute_uri(reverse("api-product", args=(product.pk,)))
        return Response(data, status.HTTP_201_CREATED, headers={"Location": place})


class ListSerializer(serializers.Serializer[Any]):
    """What the list can be asked for."""

    search = LineField(
        max_length=200,
        default="",
        allow_blank=True,
        help_text="Words to look for in names and SKUs; a product has all of them. 20 at most.",
    )
    page = serializers.IntegerField(
        min_value=1, default=1, help_text="Which page, from 1; one that is not there is a 404."
    )
    limit = serializers.IntegerField(
        min_value=1,
        max_value=Pages.max_page_size,
        default=Pages.page_size,
        help_text="How many products a page has.",
    )
    category = serializers.ListField(
        child=LineField(max_length=100),
        max_length=100,
        default=list,
        help_text="Only products of this category, by name; repeat it for more.",
    )
    id = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=Pages.max_page_size,
        default=list,
        help_text="Only the product of this number; repeat it for more.",
    )

    def validate_search(self, text: str) -> str:
        if len(text.replace(",", " ").split()) > MOST_TERMS:
            raise serializers.ValidationError(f"{MOST_TERMS} words are the most.")
        return text


class ListFilter(filters.BaseFilterBackend):
    """Looks at all that is asked, so it comes before the other filters."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        asked = ListSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = {"category__name__in": "category", "pk__in": "id"}
        chosen = {lookup: asked.validated_data[name] for lookup, name in wanted.items()}
        return queryset.filter(**{lookup: values for lookup, values in chosen.items() if values})


class ProductList(mixins.ListModelMixin, ProductView):
    pagination_class = Pages
    filter_backends = (ListFilter, filters.SearchFilter)
    search_fields = ("name", "sku")
    rights: ClassVar = {"POST": (ADD,)}

    @extend_schema(
        parameters=[ListSerializer],
        responses={200: ProductSerializer(many=True)} | errors(400, 401, 404),
    )
    def get(self, request: Request) -> Response:
        """Products by id. `search` looks into names and SKUs."""
        return self.list(request)

    @extend_schema(
        request=ProductDraftSerializer,
        parameters=[LOCATION],
        responses={201: StaffProductSerializer} | WRITING,
    )
    def post(self, request: Request) -> Response:
        """Create a product."""
        return self.answer(create(self.draft()))


@extend_schema(parameters=[ID])
class ProductDetail(mixins.RetrieveModelMixin, ProductView):
    rights: ClassVar = {"PUT": (CHANGE,), "PATCH": (CHANGE,), "DELETE": (DELETE,)}

    @extend_schema(responses={200: ProductSerializer} | errors(401, 404))
    def get(self, request: Request, pk: int) -> Response:
        """One product."""
        return self.retrieve(request)

    @extend_schema(
        request=ProductDraftSerializer,
        responses={200: StaffProductSerializer} | WRITING | errors(404),
    )
    def put(self, request: Request, pk: int) -> Response:
        """Change a product. What may be left out and is, stays as it was."""
        self.get_object()
        return self.answer(change(pk, self.draft()))

    @extend_schema(
        request=ProductDraftSerializer(partial=True),
        responses={200: StaffProductSerializer} | WRITING | errors(404),
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change some of a product's fields."""
        self.get_object()
        return self.answer(change(pk, self.draft(partial=True)))

    @extend_schema(responses={204: None} | errors(401, 403, 404))
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a product with its pictures."""
        self.get_object().delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class CategoryList(generics.ListAPIView[Category]):
    """All categories with the number of their active products."""

    queryset = Category.objects.annotate(
        product_count=Count("products", filter=Q(products__active=True))
    ).order_by("name")
    serializer_class = CategorySerializer
    pagination_class = None

    @extend_schema(responses={200: CategorySerializer(many=True)} | errors(401))
    def get(self, request: Request) -> Response:
        return super().get(request)
