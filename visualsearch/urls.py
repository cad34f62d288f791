from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from catalog.media import picture
from visualsearch.api_docs import SchemaView
from visualsearch.prometheus import metrics

urlpatterns = [
    path("", include("search.urls")),  # first, for a SKU in a path of the catalog may have slashes
    path("", include("catalog.urls")),
    path("admin/", admin.site.urls),
    path("api/schema/", SchemaView.as_view(), name="api-schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("media/<path:path>", picture, name="media"),
    path("metrics", metrics, name="metrics"),
]

handler400 = "catalog.api.errors.bad_request"
handler403 = "catalog.api.errors.forbidden"
handler404 = "catalog.api.errors.not_found"
handler500 = "catalog.api.errors.server_error"
