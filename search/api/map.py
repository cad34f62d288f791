"""The endpoint for the map of the catalog."""

from typing import Any

from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import conditional_page
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api.schema import errors
from catalog.models import Product
from search.api.intake import Unavailable
from search.api.throttles import SearchThrottle
from search.catalog_map.maps import CatalogMap, load_map

NO_MAP = _("There is no map yet. Run: python manage.py build_embeddings")


class MapSerializer(serializers.Serializer[Any]):
    """The place of every product: similar products are close together."""

    generation = serializers.IntegerField(help_text="The state of the catalog that the map shows.")
    total = serializers.IntegerField(help_text="The number of products that could be found then.")
    shown = serializers.IntegerField(help_text="The number of those that are still visible.")
    categories = serializers.ListField(
        child=serializers.CharField(), help_text="Their categories, by name."
    )
    points = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=4, max_length=4),
        help_text="For each product [id, x, y, category]: x and y from 0 to 1, the category as its "
        "position in `categories`, from 0.",
    )


@method_decorator(conditional_page, name="dispatch")
class MapView(APIView):
    """The map of the catalog. It has an ETag, so that an unchanged map is not sent again."""

    authentication_classes = ()
    throttle_classes = (SearchThrottle,)

    @extend_schema(
        summary="The map of the catalog",
        operation_id="map",
        responses={200: MapSerializer} | errors(429, 503),
    )
    def get(self, request: Request) -> Response:
        catalog_map = load_map()
        if catalog_map is None:
            raise Unavailable(NO_MAP)
        return Response(_visible(catalog_map))


def _visible(catalog_map: CatalogMap) -> dict[str, object]:
    """The map without products that were hidden or deleted since.

    Plain lists, because serializers are too slow for thousands of points.
    """
    visible = Product.objects.filter(active=True, pk__in=catalog_map.products.tolist())
    category_of = dict(visible.values_list("pk", "category__name"))
    categories = sorted(set(category_of.values()))
    index = {name: position for position, name in enumerate(categories)}
    places = catalog_map.unit_places().round(4).tolist()
    points = [
        [pk, x, y, index[category_of[pk]]]
        for pk, (x, y) in zip(catalog_map.products.tolist(), places, strict=True)
        if pk in category_of
    ]
    return {
        "generation": catalog_map.generation,
        "total": catalog_map.total,
        "shown": len(points),
        "categories": categories,
        "points": points,
    }
