from django.urls import path

from search.api import SearchView, SimilarView
from search.health import healthz, readyz
from search.views import product_page, products_page, search_page

urlpatterns = [
    path("", search_page, name="search"),
    path("products/", products_page, name="products"),
    path("products/<int:pk>/", product_page, name="product"),
    path("search", SearchView.as_view(), name="search-original"),
    path("api/search/", SearchView.as_view(), name="api-search"),
    path("api/products/<int:pk>/similar/", SimilarView.as_view(), name="api-similar"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
