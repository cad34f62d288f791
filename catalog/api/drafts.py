"""What staff send: a product, or a batch of them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from catalog.api.changes import NEEDED
from catalog.api.fields import (
    FlagField,
    LineField,
    PictureUploadField,
    SKUField,
    currency_code,
    http_address,
    http_url,
)
from catalog.models import Category

BATCH_SIZE = 500

MUG = {
    "sku": "mug-42",
    "name": "Stoneware Mug",
    "category": "Kitchen",
    "price": 12.90,
    "currency": "EUR",
    "link": "https://shop.example/mug-42",
    "active": True,
    "image_url": "https://shop.example/pictures/mug-42.jpg",
}


@extend_schema_serializer(examples=[OpenApiExample("A mug", MUG, request_only=True)])
class ProductDraftSerializer(serializers.Serializer[Any]):
    """A product as staff send it. A category that is not there yet is made."""

    sku = SKUField(help_text="The shop's own key; no two products share one.")
    name = LineField(max_length=200, help_text="What shoppers read, such as Stoneware Mug.")
    category = LineField(
        max_length=100,
        help_text="By name. One that is not there yet is made, if you may add categories.",
    )
    price = serializers.DecimalField(
        10, 2, min_value=0, help_text="A number with two decimals at most, such as 12.90."
    )
    currency = LineField(currency_code, required=False, help_text="ISO 4217, such as EUR.")
    link = LineField(
        validators=[http_url],
        max_length=2000,
        required=False,
        allow_blank=True,
        help_text="The product's page in the shop.",
    )
    active = FlagField(required=False, help_text="Whether shoppers see it.")
    image = PictureUploadField(
        required=False,
        allow_null=True,
        help_text="The picture as an upload: multipart/form-data. null takes it away.",
    )
    image_url = LineField(
        http_address,
        max_length=2000,
        required=False,
        allow_blank=True,
        help_text="Where the picture is fetched from, soon after, unless there is an upload.",
    )

    def validate_category(self, name: str) -> str:
        may_add = self.context["request"].user.has_perm("catalog.add_category")
        if not (may_add or Category.objects.filter(name=name).exists()):
            raise serializers.ValidationError(
                "There is no such category, and you may not add categories."
            )
        return name


@extend_schema_serializer(
    examples=[OpenApiExample("A new price", {"price": 9.90}, request_only=True)]
)
class UpsertSerializer(ProductDraftSerializer):
    """What is left out stays as it is; a new product needs name, category and price."""

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        for name in ("sku", *NEEDED):
            fields[name].required = False
        return fields


@extend_schema_serializer(examples=[])
class BatchItemSerializer(UpsertSerializer):
    """A product of a batch. Its picture can be given by address only."""

    image = None  # type: ignore[assignment]

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        fields["sku"].required = True
        return fields


@extend_schema_field(BatchItemSerializer(many=True))
class BatchItemsField(serializers.ListField):
    """Items that are looked at one by one later, so that one's errors are its own."""


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class SKUsField(serializers.ListField):
    """SKUs, looked at one by one later."""


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Two products and one to delete",
            {"products": [MUG, {"sku": "mug-41", "price": 9.90}], "delete": ["mug-40"]},
            request_only=True,
        )
    ]
)
class BatchSerializer(serializers.Serializer[Any]):
    """Products to upsert, and SKUs of those to delete: at most 500 items together."""

    products = BatchItemsField(required=False, help_text="Upserted one by one, in this order.")
    delete = SKUsField(required=False, help_text="SKUs; deleted after that.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Give products, delete or both.")
        if sum(map(len, attrs.values())) > BATCH_SIZE:
            raise serializers.ValidationError(f"{BATCH_SIZE} items are the most.")
        return attrs
