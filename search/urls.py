from django.contrib import admin
from django.urls import path

from search.api.explain import ExplainView
from search.api.map import MapView
from search.api.photo import PhotoView
from search.api.search import SearchView, SimilarBySKUView, SimilarView
from search.api.widget_words import WidgetWordsView
from search.branding.manifest import manifest
from search.branding.views import accent_style, logo
from search.demand.views import demand_page
from search.doctor.views import findings_page, merge_page
from search.evaluation.views import quality_page
from search.health import healthz, readyz
from search.pages.language import choose_language
from search.pages.views import map_page, product_page, products_page, search_page, share_page

urlpatterns = [
    path("", search_page, name="search"),
    path("products/", products_page, name="products"),
    path("products/<int:pk>/", product_page, name="product"),
    path("map/", map_page, name="map"),
    path("share/", share_page, name="share"),
    path("manifest.webmanifest", manifest, name="manifest"),
    path("language/", choose_language, name="language"),
    path("shop/<str:digest>/accent.css", accent_style, name="shop-accent"),
    path("shop/<str:digest>/logo", logo, name="shop-logo"),
    # For clients of photo-analyzer, the Flask application that this project succeeds.
    path("search", SearchView.as_view(), name="search-original"),
    path("api/search/", SearchView.as_view(), name="api-search"),
    path(
        "api/search/<str:query>/explain/<int:product>/", ExplainView.as_view(), name="api-explain"
    ),
    path("api/search/<str:query>/photo/", PhotoView.as_view(), name="api-photo"),
    path("api/products/<int:pk>/similar/", SimilarView.as_view(), name="api-similar"),
    path(
        "api/products/by-sku/<path:sku>/similar/",
        SimilarBySKUView.as_view(),
        name="api-similar-by-sku",
    ),
    path("api/map/", MapView.as_view(), name="api-map"),
    path("api/widget/words/", WidgetWordsView.as_view(), name="api-widget-words"),
    path("admin/doctor/", admin.site.admin_view(findings_page), name="doctor"),
    path("admin/doctor/<int:pk>/merge/", admin.site.admin_view(merge_page), name="doctor-merge"),
    path("admin/quality/", admin.site.admin_view(quality_page), name="quality"),
    path("admin/demand/", admin.site.admin_view(demand_page), name="demand"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
