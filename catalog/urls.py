from django.urls import path

from catalog.api import CategoryList, ProductDetail, ProductList

urlpatterns = [
    path("api/products/", ProductList.as_view(), name="api-products"),
    path("api/products/<int:pk>/", ProductDetail.as_view(), name="api-product"),
    path("api/categories/", CategoryList.as_view(), name="api-categories"),
]
