"""What the search API takes."""

import math
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from search.queries.photos import Crop
from search.service import Options

MAX_LIMIT = 100
MAX_PAGE = 1_000_000
MAX_PRICE = 99_999_999
MAX_MARKED = 20  # products that a search can be moved to, and as many away from
MAX_ID = 2**63 - 1
EDGE = 1e-6  # what fractions may add up to above one
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
        inside = x >= 0 and y >= 0 and x + width <= 1 + EDGE and y + height <= 1 + EDGE
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
