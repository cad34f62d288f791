"""What the search API takes and gives."""

import math
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from search.answers import Answer, CategoryCount, Facets, Match, Options
from search.queries import Crop, Query, milliseconds_since

MAX_LIMIT = 100
MAX_PAGE = 1_000_000
MAX_PRICE = 99_999_999
EDGE = 1e-6  # what fractions may add up to above one
DEFAULTS = Options()


class FiniteFloatField(serializers.FloatField):
    """A float that is a number: NaN passes every comparison that could refuse it."""

    def to_internal_value(self, data: Any) -> float:
        value: float = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


@extend_schema_field(OpenApiTypes.STR)
class CropField(serializers.Field[Crop, str, str, Any]):
    """`x,y,width,height` in fractions of the upright picture."""

    default_error_messages: ClassVar = {
        "crop": "Give x,y,width,height as fractions of the picture, such as 0.1,0.2,0.5,0.5."
    }

    def to_internal_value(self, data: Any) -> Crop:
        try:
            x, y, width, height = map(float, str(data).split(","))
        except ValueError:
            self.fail("crop")
        inside = x >= 0 and y >= 0 and x + width <= 1 + EDGE and y + height <= 1 + EDGE
        if not (inside and width > 0 and height > 0):  # NaN fails here, too
            self.fail("crop")
        return x, y, width, height

    def to_representation(self, value: Crop) -> str:
        return ",".join(f"{number:g}" for number in value)


class OptionsSerializer(serializers.Serializer[Options]):
    """What can be asked for beside the picture."""

    threshold = FiniteFloatField(min_value=0, max_value=1, default=DEFAULTS.threshold)
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULTS.limit)
    page = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=DEFAULTS.page)
    category = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=100, default=list
    )
    min_price = serializers.DecimalField(
        10, 2, min_value=0, max_value=MAX_PRICE, required=False, allow_null=True
    )
    max_price = serializers.DecimalField(
        10, 2, min_value=0, max_value=MAX_PRICE, required=False, allow_null=True
    )
    ordering = serializers.ChoiceField(("-score", "price", "-price"), default=DEFAULTS.ordering)

    def options(self) -> Options:
        """The validated options."""
        data = self.validated_data
        return Options(
            threshold=data["threshold"],
            limit=data["limit"],
            page=data["page"],
            categories=tuple(data["category"]),
            min_price=data.get("min_price"),
            max_price=data.get("max_price"),
            ordering=data["ordering"],
        )


class SearchSerializer(OptionsSerializer):
    """A search: exactly one of `file`, `image_url` and `product`, and the options."""

    file = serializers.FileField(required=False)
    image_url = serializers.CharField(max_length=2000, required=False)
    product = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    crop = CropField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [name for name in ("file", "image_url", "product") if attrs.get(name) is not None]
        if len(given) != 1:
            raise serializers.ValidationError("Give one of file, image_url and product.")
        if attrs.get("crop") is not None and attrs.get("product") is not None:
            raise serializers.ValidationError({"crop": ["Only a photo can be cropped."]})
        return attrs


class QuerySerializer(OptionsSerializer):
    """A search asked again, by the id that its answer had."""

    query = serializers.CharField(max_length=64)


class MatchSerializer(serializers.Serializer[Match]):
    """A product that was found."""

    id = serializers.IntegerField(source="product.id")
    sku = serializers.CharField(source="product.sku")
    name = serializers.CharField(source="product.name")
    category = serializers.CharField(source="product.category.name")
    price = serializers.FloatField(source="product.price")
    currency = serializers.CharField(source="product.currency")
    image_src = serializers.FileField(source="image", help_text="Its picture most like the query.")
    url = serializers.SerializerMethodField()
    score = serializers.SerializerMethodField()

    def get_url(self, match: Match) -> str:
        url: str = self.context["request"].build_absolute_uri(match.product.get_absolute_url())
        return url

    def get_score(self, match: Match) -> float:
        return round(match.score, 6)


class QueryFactsSerializer(serializers.Serializer[Query]):
    id = serializers.CharField()
    embedder = serializers.CharField()


class CategoryCountSerializer(serializers.Serializer[CategoryCount]):
    name = serializers.CharField()
    count = serializers.IntegerField()


class PriceRangeSerializer(serializers.Serializer[Facets]):
    min = serializers.FloatField(source="min_price", allow_null=True)
    max = serializers.FloatField(source="max_price", allow_null=True)


class FacetsSerializer(serializers.Serializer[Facets]):
    category = CategoryCountSerializer(source="categories", many=True)
    price = PriceRangeSerializer(source="*")


class IndexFactsSerializer(serializers.Serializer[Answer]):
    products = serializers.IntegerField()
    generation = serializers.IntegerField()


class TimingsSerializer(serializers.Serializer[Answer]):
    decode = serializers.FloatField(source="query.decode_ms")
    embed = serializers.FloatField(source="query.embed_ms")
    rank = serializers.FloatField(source="rank_ms")
    total = serializers.SerializerMethodField()

    def get_total(self, answer: Answer) -> float:
        started: float = self.context["started"]
        return milliseconds_since(started)


class AnswerSerializer(serializers.Serializer[Answer]):
    """An answer. `nearest` has products only where `results` has none."""

    results = MatchSerializer(source="matches", many=True)
    count = serializers.IntegerField()
    nearest = MatchSerializer(many=True)
    query = QueryFactsSerializer()
    facets = FacetsSerializer()
    index = IndexFactsSerializer(source="*")
    timings_ms = TimingsSerializer(source="*")
