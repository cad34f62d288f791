"""The catalog as the API shows it."""

from typing import Any

from rest_framework import serializers

from catalog.api.changes import OUTCOMES, Outcome
from catalog.models import Category, Product


class CategorySerializer(serializers.ModelSerializer[Category]):
    products = serializers.IntegerField(
        source="product_count", read_only=True, help_text="Active products."
    )

    class Meta:
        model = Category
        fields = ("id", "name", "products")


class ProductSerializer(serializers.ModelSerializer[Product]):
    """A product as everybody sees it."""

    category = serializers.CharField(source="category.name")
    price = serializers.FloatField()
    image_src = serializers.FileField(
        source="image", allow_null=True, help_text="The address of its picture."
    )
    url = serializers.SerializerMethodField(help_text="Its page here.")

    class Meta:
        model = Product
        fields: tuple[str, ...] = (
            "id",
            "sku",
            "name",
            "category",
            "price",
            "currency",
            "image_src",
            "url",
            "link",
        )

    def get_url(self, product: Product) -> str:
        url: str = self.context["request"].build_absolute_uri(product.get_absolute_url())
        return url


class StaffProductSerializer(ProductSerializer):
    """A product as staff see it: with its state."""

    class Meta(ProductSerializer.Meta):
        fields = (
            *ProductSerializer.Meta.fields,
            "active",
            "image_url",
            "embedding_status",
            "embedding_error",
        )


class OutcomeSerializer(serializers.Serializer[Outcome]):
    """What became of one item of a batch."""

    sku = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(OUTCOMES)
    id = serializers.IntegerField(allow_null=True)
    errors = serializers.DictField(  # type: ignore[assignment]
        help_text="Sentences by field, where it failed."
    )


class BatchAnswerSerializer(serializers.Serializer[Any]):
    """What became of each item: the products in their order, then what was to be deleted."""

    results = OutcomeSerializer(many=True)
