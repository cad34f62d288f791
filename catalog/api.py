"""The catalog's endpoints, for reading."""

from django.db.models import Count, Q, QuerySet
from rest_framework import filters, generics
from rest_framework.pagination import PageNumberPagination

from catalog.models import Category, Product
from catalog.serializers import CategorySerializer, ProductSerializer


class Pages(PageNumberPagination):
    page_size = 24
    page_size_query_param = "limit"
    max_page_size = 100


class ProductList(generics.ListAPIView[Product]):
    """Active products by id. `search` looks into names and SKUs, `category` is a name."""

    serializer_class = ProductSerializer
    pagination_class = Pages
    filter_backends = (filters.SearchFilter,)
    search_fields = ("name", "sku")

    def get_queryset(self) -> QuerySet[Product]:
        products: QuerySet[Product]
        products = Product.objects.filter(active=True).select_related("category")
        names = self.request.query_params.getlist("category")
        return products.filter(category__name__in=names) if names else products


class ProductDetail(generics.RetrieveAPIView[Product]):
    """One active product."""

    queryset = Product.objects.filter(active=True).select_related("category")
    serializer_class = ProductSerializer


class CategoryList(generics.ListAPIView[Category]):
    """All categories with the number of their active products."""

    queryset = Category.objects.annotate(
        product_count=Count("products", filter=Q(products__active=True))
    ).order_by("name")
    serializer_class = CategorySerializer
    pagination_class = None
