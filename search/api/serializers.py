"""What the search API takes, and what it gives."""

import math
from dataclasses import fields as fields_of
from typing import Any, ClassVar

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from catalog.api.serializers import AVAILABILITY, WORDS_OPTIONS
from catalog.models import MAX_ID, Availability
from catalog.values import MAX_ADDRESS, MAX_CATEGORY
from search.api.intake import SearchRequest
from search.bands import WORDS, Band
from search.queries.query import Crop, Query
from search.service import Answer, AvailabilityCount, CategoryCount, Facets, Match, Options

MAX_LIMIT = 100
MAX_PAGE = 1_000_000
PRICE: dict[str, Any] = {
    "max_digits": 10, "decimal_places": 2, "min_value": 0, "max_value": 99_999_999,
    "required": False, "allow_null": True,
}  # fmt: skip
MAX_VOTES = 20  # products that a search can be moved towards, and as many away from
ROUNDING = 1e-6  # by which sums of fractions may exceed one
DEFAULTS = Options()


class FiniteFloatField(serializers.FloatField):
    """A float field that refuses NaN, which passes every comparison with a limit, and infinity."""

    def to_internal_value(self, data: Any) -> float:
        value: float = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


@extend_schema_field({"type": "string", "example": "0.1,0.2,0.5,0.5"})
class CropField(serializers.Field[Crop, str, str, Any]):
    """`x,y,width,height` in fractions of the upright picture."""

    default_error_messages: ClassVar = {
        # Translators: x, y, width and height stay as they are.
        "crop": _("Give x,y,width,height as fractions of the picture, such as 0.1,0.2,0.5,0.5.")
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
    """Ids of products, separated by commas, each once."""

    default_error_messages: ClassVar = {
        "ids": _("Give the ids of products separated by commas, such as 12,15."),
        "many": _("Give at most {most} products."),
    }

    def to_internal_value(self, data: Any) -> tuple[int, ...]:
        texts = str(data).split(",") if data != "" else []
        if not all(text.isascii() and text.isdecimal() and len(text) < 20 for text in texts):
            self.fail("ids")
        ids = tuple(dict.fromkeys(map(int, texts)))
        if len(ids) > MAX_VOTES:
            self.fail("many", most=MAX_VOTES)
        if not all(0 < pk <= MAX_ID for pk in ids):
            self.fail("ids")
        return ids

    def to_representation(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value))


CROP = (
    "The part of the photo to search for: x,y,width,height as fractions of the upright picture, "
    "such as 0.1,0.2,0.5,0.5."
)


class OptionsSerializer(serializers.Serializer[Options]):
    """The options of a search."""

    threshold = FiniteFloatField(
        min_value=0,
        max_value=1,
        default=DEFAULTS.threshold,
        help_text="The lowest score that counts as a match, from 0 to 1.",
    )
    limit = serializers.IntegerField(
        min_value=1,
        max_value=MAX_LIMIT,
        default=DEFAULTS.limit,
        help_text="The number of products per page.",
    )
    page = serializers.IntegerField(
        min_value=1,
        max_value=MAX_PAGE,
        default=DEFAULTS.page,
        help_text="The number of the page, from 1; pages beyond the last one are empty.",
    )
    category = serializers.ListField(
        child=serializers.CharField(max_length=MAX_CATEGORY),
        max_length=100,
        default=list,
        help_text="Only products of the category with this name; repeat it for several.",
    )
    min_price = serializers.DecimalField(
        **PRICE, help_text="Only products that cost at least this, such as 10."
    )
    max_price = serializers.DecimalField(
        **PRICE, help_text="Only products that cost at most this, such as 49.90."
    )
    availability = serializers.ListField(
        child=serializers.ChoiceField(**AVAILABILITY),
        max_length=len(Availability.choices),
        default=list,
        help_text="Only products with this availability; repeat it for several.",
    )
    q = serializers.CharField(**WORDS_OPTIONS)
    group_of = serializers.IntegerField(
        min_value=1,
        max_value=MAX_ID,
        required=False,
        allow_null=True,
        help_text="The id of a product. Only it and the products that `collapse=group` shows as "
        "one with it, each of them.",
    )
    collapse = serializers.ChoiceField(
        ("none", "group"),
        default="none",
        help_text="With group, the variants of a product (`group`) are one result: the first of "
        "them in this order. So are products without a group that share the very same picture. "
        "Numbers are then those of groups.",
        # Translators: none and group stay as they are.
        error_messages={"invalid_choice": _("Use none or group.")},
    )
    ordering = serializers.ChoiceField(
        ("-score", "price", "-price"),
        default=DEFAULTS.ordering,
        help_text="The best, the cheapest, or the most expensive first.",
        # Translators: -score, price and -price stay as they are.
        error_messages={"invalid_choice": _("Use -score, price or -price.")},
    )
    more = ProductIdsField(
        default=(),
        help_text="Ids of at most 20 products that the search moves towards, such as 12,15.",
    )
    less = ProductIdsField(
        default=(),
        help_text="Ids of at most 20 products that the search moves away from, such as 7.",
    )

    def asked(self, **fields: Any) -> SearchRequest:
        """The validated request; `fields` are those that came another way, as in the path."""
        data = self.validated_data
        given = ("file", "image_url", "product", "query", "crop", "more", "less")
        return SearchRequest(
            **{name: data[name] for name in given if data.get(name) is not None},
            **fields,
            options=Options(
                **{each.name: data[each.name] for each in fields_of(Options) if each.name in data}
                | {
                    "categories": tuple(data["category"]),
                    "availabilities": tuple(data["availability"]),
                    "collapse": data["collapse"] == "group",
                }
            ),
        )


class SearchSerializer(OptionsSerializer):
    """A new search: exactly one of `file`, `image_url` and `product`, and the options."""

    file = serializers.FileField(
        required=False, help_text="The photo as an upload: multipart/form-data."
    )
    image_url = serializers.CharField(
        max_length=MAX_ADDRESS, required=False, help_text="The public http(s) address of the photo."
    )
    product = serializers.IntegerField(
        min_value=1,
        max_value=MAX_ID,
        required=False,
        help_text="The id of a product, to find what looks like it.",
    )
    crop = CropField(required=False, help_text=CROP)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [name for name in ("file", "image_url", "product") if attrs.get(name) is not None]
        if len(given) != 1:
            # Translators: file, image_url and product are names of fields and stay as they are.
            raise serializers.ValidationError(gettext("Give one of file, image_url and product."))
        if attrs.get("crop") is not None and attrs.get("product") is not None:
            raise serializers.ValidationError({"crop": [gettext("Only a photo can be cropped.")]})
        return attrs


class QuerySerializer(OptionsSerializer):
    """A search repeated by the id that its answer had."""

    query = serializers.CharField(
        max_length=64,
        help_text="The query's id in an earlier answer, valid for an hour, or product- and a "
        "product's id. It stands for the whole photo: repeat `crop`, `more` and `less`.",
    )
    crop = CropField(required=False, help_text=CROP)


class MatchSerializer(serializers.Serializer[Match]):
    """A product that matches."""

    id = serializers.IntegerField(source="product.id", help_text="The product's id.")
    sku = serializers.CharField(source="product.sku", help_text="The shop's own key.")
    name = serializers.CharField(source="product.name", help_text="The name that shoppers see.")
    category = serializers.CharField(source="product.category.name", help_text="Its name.")
    price = serializers.FloatField(source="product.price", help_text="Its price.")
    sale_price = serializers.FloatField(
        source="product.sale_price",
        allow_null=True,
        help_text="What it costs now, if that is less.",
    )
    currency = serializers.CharField(source="product.currency", help_text="ISO 4217, such as EUR.")
    availability = serializers.ChoiceField(
        Availability.choices, source="product.availability", help_text="Whether it can be bought."
    )
    brand = serializers.CharField(source="product.brand", help_text="Its brand, if it is known.")
    group = serializers.CharField(
        source="product.group", help_text="What it shares with its variants; empty without any."
    )
    more = serializers.IntegerField(
        help_text="With `collapse=group`, how many other products of its group match. "
        "`group_of` and its id lists them."
    )
    image_src = serializers.URLField(
        source="image.url", help_text="Its picture that is most like the query."
    )
    thumbnail_src = serializers.URLField(
        source="image.thumbnail_url", help_text="The same picture, at most 240 pixels long."
    )
    url = serializers.URLField(source="product.get_absolute_url", help_text="Its page here.")
    link = serializers.CharField(
        source="product.link", help_text="Its page in the shop; empty if it is not known."
    )
    score = serializers.SerializerMethodField(
        help_text="The cosine of the two pictures' vectors: 1 is the same picture."
    )
    match = serializers.ChoiceField(
        WORDS,
        source="band",
        help_text="The score in words; `index.bands` has the limits, which fit this catalog.",
    )

    def get_score(self, match: Match) -> float:
        return round(match.score, 6)


class QueryFactsSerializer(serializers.Serializer[Query]):
    """The query."""

    id = serializers.CharField(
        help_text="Repeats the search for an hour; it stands for the whole photo or the product."
    )
    embedder = serializers.CharField(help_text="The network and a hash of its weights.")
    crop = serializers.ListField(
        child=serializers.FloatField(),
        min_length=4,
        max_length=4,
        allow_null=True,
        help_text="The part of the photo that was searched for, [x, y, width, height] as fractions "
        "of the upright picture; null for all of it.",
    )
    more = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Ids of the products that the search was moved towards.",
    )
    less = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="Ids of the products that the search was moved away from.",
    )


class CategoryCountSerializer(serializers.Serializer[CategoryCount]):
    """A category and its number of matches."""

    name = serializers.CharField(help_text="The name of the category.")
    count = serializers.IntegerField(help_text="The number of its products that match.")


class PriceRangeSerializer(serializers.Serializer[Facets]):
    """The prices of the matches, which are sale prices where there are any."""

    min = serializers.FloatField(
        source="min_price", allow_null=True, help_text="The lowest; null if nothing matches."
    )
    max = serializers.FloatField(
        source="max_price", allow_null=True, help_text="The highest; null if nothing matches."
    )


class AvailabilityCountSerializer(serializers.Serializer[AvailabilityCount]):
    """An availability and its number of matches."""

    value = serializers.ChoiceField(Availability.choices, help_text="As in `availability`.")
    count = serializers.IntegerField(help_text="The number of its products that match.")


class FacetsSerializer(serializers.Serializer[Facets]):
    """What can be filtered by. Each facet ignores its own filter."""

    category = CategoryCountSerializer(
        source="categories", many=True, help_text="The categories of the matches, by name."
    )
    price = PriceRangeSerializer(source="*", help_text="The prices of the matches.")
    availability = AvailabilityCountSerializer(
        source="availabilities", many=True, help_text="The availabilities of the matches."
    )


class BandSerializer(serializers.Serializer[Band]):
    """A word for a range of scores."""

    name = serializers.CharField(help_text="The word, as in `match`.")
    least = serializers.FloatField(
        allow_null=True, help_text="The lowest score with this word; null for the last."
    )


class IndexFactsSerializer(serializers.Serializer[Answer]):
    """The index that was searched."""

    products = serializers.IntegerField(help_text="The number of products in the index.")
    generation = serializers.IntegerField(help_text="A number that changes with the index.")
    bands = BandSerializer(source="bands.all", many=True, help_text="Words for scores, best first.")


class TimingsSerializer(serializers.Serializer[Answer]):
    """Times in milliseconds."""

    decode = serializers.FloatField(
        source="query.decode_ms", help_text="Decoding the photo; 0 if this client gave it before."
    )
    embed = serializers.FloatField(
        source="query.embed_ms", help_text="Computing its vector; 0 likewise."
    )
    rank = serializers.FloatField(source="rank_ms", help_text="Finding the nearest products.")
    total = serializers.FloatField(read_only=True, default=0.0, help_text="The whole request.")


class AnswerSerializer(serializers.Serializer[Answer]):
    """The answer to a search. `nearest` is empty unless `results` is."""

    results = MatchSerializer(
        source="matches", many=True, help_text="The matches of this page, in the requested order."
    )
    count = serializers.IntegerField(help_text="The number of matches on all pages.")
    nearest = MatchSerializer(many=True, help_text="The best below the threshold, at most 12.")
    query = QueryFactsSerializer(help_text="The query.")
    facets = FacetsSerializer(help_text="What can be filtered by.")
    index = IndexFactsSerializer(source="*", help_text="The index that was searched.")
    timings_ms = TimingsSerializer(source="*", help_text="Times in milliseconds.")
