"""What the search API takes, and what it gives."""

import math
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from search.api.intake import SearchRequest
from search.bands import WORDS, Band
from search.queries.query import Crop, Query
from search.service import Answer, CategoryCount, Facets, Match, Options

MAX_LIMIT = 100
MAX_PAGE = 1_000_000
MAX_PRICE = 99_999_999
MAX_MARKED = 20  # products that a search can be moved to, and as many away from
MAX_ID = 2**63 - 1
ROUNDING = 1e-6  # what fractions may add up to above one
DEFAULTS = Options()


class FiniteFloatField(serializers.FloatField):
    """A float that is a number: NaN passes every comparison that could refuse it."""

    def to_internal_value(self, data: Any) -> float:
        value: float = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


@extend_schema_field({"type": "string", "example": "0.1,0.2,0.5,0.5"})
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
        inside = x >= 0 and y >= 0 and x + width <= 1 + ROUNDING and y + height <= 1 + ROUNDING
        if not (inside and width > 0 and height > 0):  # NaN fails here, too
            self.fail("crop")
        return x, y, width, height

    def to_representation(self, value: Crop) -> str:
        return ",".join(f"{number:g}" for number in value)


@extend_schema_field({"type": "string", "pattern": "^([0-9]+(,[0-9]+)*)?$", "example": "12,15"})
class ProductIdsField(serializers.Field[tuple[int, ...], str, str, Any]):
    """Ids of products with commas between, each once."""

    default_error_messages: ClassVar = {
        "ids": "Give the ids of products with commas between, such as 12,15.",
        "many": "Give at most {most} products.",
    }

    def to_internal_value(self, data: Any) -> tuple[int, ...]:
        texts = str(data).split(",") if data != "" else []
        if not all(text.isascii() and text.isdecimal() and len(text) < 20 for text in texts):
            self.fail("ids")
        ids = tuple(dict.fromkeys(map(int, texts)))
        if len(ids) > MAX_MARKED:
            self.fail("many", most=MAX_MARKED)
        if not all(0 < pk <= MAX_ID for pk in ids):
            self.fail("ids")
        return ids

    def to_representation(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value))


CROP = (
    "The part of the photo to look for: x,y,width,height in fractions of the upright picture, "
    "such as 0.1,0.2,0.5,0.5."
)


class OptionsSerializer(serializers.Serializer[Options]):
    """What can be asked for beside the picture."""

    threshold = FiniteFloatField(
        min_value=0,
        max_value=1,
        default=DEFAULTS.threshold,
        help_text="The least score that counts as found, from 0 to 1.",
    )
    limit = serializers.IntegerField(
        min_value=1,
        max_value=MAX_LIMIT,
        default=DEFAULTS.limit,
        help_text="How many products a page has.",
    )
    page = serializers.IntegerField(
        min_value=1,
        max_value=MAX_PAGE,
        default=DEFAULTS.page,
        help_text="Which page, from 1; beyond the last one it is empty.",
    )
    category = serializers.ListField(
        child=serializers.CharField(max_length=100),
        max_length=100,
        default=list,
        help_text="Only products of this category, by name; repeat it for more.",
    )
    min_price = serializers.DecimalField(
        10,
        2,
        min_value=0,
        max_value=MAX_PRICE,
        required=False,
        allow_null=True,
        help_text="Only products that cost at least this, such as 10.",
    )
    max_price = serializers.DecimalField(
        10,
        2,
        min_value=0,
        max_value=MAX_PRICE,
        required=False,
        allow_null=True,
        help_text="Only products that cost this at the most, such as 49.90.",
    )
    ordering = serializers.ChoiceField(
        ("-score", "price", "-price"),
        default=DEFAULTS.ordering,
        help_text="The best first, the cheapest first, or the dearest first.",
    )
    more = ProductIdsField(
        default=(),
        help_text="Ids of products that the search moves to, 20 at most, such as 12,15.",
    )
    less = ProductIdsField(
        default=(),
        help_text="Ids of products that the search moves away from, 20 at most, such as 7.",
    )

    def asked(self, **fields: Any) -> SearchRequest:
        """The validated request; `fields` are those that came another way, as in the path."""
        data = self.validated_data
        given = ("file", "image_url", "product", "query", "crop", "more", "less")
        return SearchRequest(
            **{name: data[name] for name in given if data.get(name) is not None},
            **fields,
            options=Options(
                threshold=data["threshold"],
                limit=data["limit"],
                page=data["page"],
                categories=tuple(data["category"]),
                min_price=data.get("min_price"),
                max_price=data.get("max_price"),
                ordering=data["ordering"],
            ),
        )


class SearchSerializer(OptionsSerializer):
    """A search: exactly one of `file`, `image_url` and `product`, and the options."""

    file = serializers.FileField(
        required=False, help_text="The photo as an upload: multipart/form-data."
    )
    image_url = serializers.CharField(
        max_length=2000, required=False, help_text="The public http(s) address of the photo."
    )
    product = serializers.IntegerField(
        min_value=1,
        max_value=MAX_ID,
        required=False,
        help_text="The id of a product whose look-alikes are wanted.",
    )
    crop = CropField(required=False, help_text=CROP)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [name for name in ("file", "image_url", "product") if attrs.get(name) is not None]
        if len(given) != 1:
            raise serializers.ValidationError("Give one of file, image_url and product.")
        if attrs.get("crop") is not None and attrs.get("product") is not None:
            raise serializers.ValidationError({"crop": ["Only a photo can be cropped."]})
        return attrs


class QuerySerializer(OptionsSerializer):
    """A search asked again, by the id that its answer had."""

    query = serializers.CharField(
        max_length=64,
        help_text="The id that the answer had, good for an hour, or product- and a product's id. "
        "It stands for the whole photo: say `crop`, `more` and `less` again.",
    )
    crop = CropField(required=False, help_text=CROP)


class MatchSerializer(serializers.Serializer[Match]):
    """A product that was found."""

    id = serializers.IntegerField(source="product.id", help_text="The product's number here.")
    sku = serializers.CharField(source="product.sku", help_text="The shop's own key.")
    name = serializers.CharField(source="product.name", help_text="What shoppers read.")
    category = serializers.CharField(source="product.category.name", help_text="By name.")
    price = serializers.FloatField(source="product.price", help_text="What it costs.")
    currency = serializers.CharField(source="product.currency", help_text="ISO 4217, such as EUR.")
    image_src = serializers.URLField(
        source="image.url", help_text="Its picture most like the query."
    )
    url = serializers.URLField(source="product.get_absolute_url", help_text="Its page here.")
    score = serializers.SerializerMethodField(
        help_text="The cosine of the two pictures' vectors: 1 is the same picture."
    )
    match = serializers.ChoiceField(
        WORDS,
        source="band",
        help_text="The score in words, by limits that are found for this catalog: see the index.",
    )

    def get_score(self, match: Match) -> float:
        return round(match.score, 6)


class QueryFactsSerializer(serializers.Serializer[Query]):
    """What was asked."""

    id = serializers.CharField(
        help_text="Ask again with it, for an hour; of the whole photo, or of the product."
    )
    embedder = serializers.CharField(help_text="The network and a hash of its weights.")
    crop = serializers.ListField(
        child=serializers.FloatField(),
        min_length=4,
        max_length=4,
        allow_null=True,
        help_text="The part of the photo that was looked for, [x, y, width, height] in fractions "
        "of the upright picture; null for all of it.",
    )
    more = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Ids of the products that the search was moved to.",
    )
    less = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Ids of the products that the search was moved away from.",
    )


class CategoryCountSerializer(serializers.Serializer[CategoryCount]):
    """How many products of a category were found."""

    name = serializers.CharField(help_text="The category.")
    count = serializers.IntegerField(help_text="How many of its products were found.")


class PriceRangeSerializer(serializers.Serializer[Facets]):
    """What the found products cost."""

    min = serializers.FloatField(
        source="min_price", allow_null=True, help_text="The least; null where nothing was found."
    )
    max = serializers.FloatField(
        source="max_price", allow_null=True, help_text="The most; null where nothing was found."
    )


class FacetsSerializer(serializers.Serializer[Facets]):
    """What there is to choose from: each facet leaves its own filter aside."""

    category = CategoryCountSerializer(
        source="categories", many=True, help_text="The categories of what was found, by name."
    )
    price = PriceRangeSerializer(source="*", help_text="What it costs.")


class BandSerializer(serializers.Serializer[Band]):
    """A word for scores."""

    name = serializers.CharField(help_text="The word, as matches have it.")
    least = serializers.FloatField(
        allow_null=True, help_text="The score from which on it holds; null for the lowest."
    )


class IndexFactsSerializer(serializers.Serializer[Answer]):
    """What was searched."""

    products = serializers.IntegerField(help_text="How many products search knows.")
    generation = serializers.IntegerField(help_text="Another number after every change.")
    bands = BandSerializer(source="bands.all", many=True, help_text="Words for scores, best first.")


class TimingsSerializer(serializers.Serializer[Answer]):
    """How long it took, in milliseconds."""

    decode = serializers.FloatField(source="query.decode_ms", help_text="Reading the photo.")
    embed = serializers.FloatField(source="query.embed_ms", help_text="Computing its vector.")
    rank = serializers.FloatField(source="rank_ms", help_text="Finding the nearest products.")
    total = serializers.FloatField(read_only=True, default=0.0, help_text="All of it.")


class AnswerSerializer(serializers.Serializer[Answer]):
    """An answer. `nearest` has products only where `results` has none."""

    results = MatchSerializer(
        source="matches", many=True, help_text="The products found, in the order asked for."
    )
    count = serializers.IntegerField(help_text="How many were found on all pages.")
    nearest = MatchSerializer(many=True, help_text="The closest below the threshold.")
    query = QueryFactsSerializer(help_text="What was asked.")
    facets = FacetsSerializer(help_text="What there is to choose from.")
    index = IndexFactsSerializer(source="*", help_text="What was searched.")
    timings_ms = TimingsSerializer(source="*", help_text="How long it took, in milliseconds.")
