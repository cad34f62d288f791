from django.urls import path

from catalog.api.views import (
    CategoryList,
    ProductBatch,
    ProductBySKU,
    ProductDetail,
    ProductList,
    ProductRefetch,
)

urlpatterns = [
    path("api/products/", ProductList.as_view(), name="api-products"),
    path("api/products/<int:pk>/", ProductDetail.as_view(), name="api-product"),
    path("api/products/batch/", ProductBatch.as_view(), name="api-batch"),
    path("api/products/refetch/", ProductRefetch.as_view(), name="api-refetch"),
    path("api/products/by-sku/<path:sku>/", ProductBySKU.as_view(), name="api-product-by-sku"),
    path("api/categories/", CategoryList.as_view(), name="api-categories"),
]
