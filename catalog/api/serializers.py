"""The catalog as the API shows it."""

from typing import Any, ClassVar

from rest_framework import serializers

from catalog.api.changes import OUTCOMES, Outcome
from catalog.models import Category, Product


class CategorySerializer(serializers.ModelSerializer[Category]):
    """A category."""

    products = serializers.IntegerField(
        source="product_count", read_only=True, help_text="Active products."
    )

    class Meta:
        model = Category
        fields = ("id", "name", "products")
        extra_kwargs: ClassVar = {
            "id": {"help_text": "Its number here."},
            "name": {"help_text": "Its name, such as Shoes; no two share one."},
        }


class ProductSerializer(serializers.ModelSerializer[Product]):
    """A product as everybody sees it."""

    category = serializers.CharField(source="category.name", help_text="Its category, by name.")
    price = serializers.FloatField(help_text="What it costs, such as 54.9.")
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
        extra_kwargs: ClassVar = {
            "id": {"help_text": "Its number here."},
            "sku": {"help_text": "The shop's own key; no two products share one."},
            "name": {"help_text": "What shoppers read."},
            "currency": {"help_text": "ISO 4217, such as EUR."},
            "active": {"help_text": "Whether shoppers see it and search finds it."},
            "image_url": {"help_text": "Where its picture is fetched from, or came from."},
            "embedding_status": {"help_text": "Whether search knows its picture."},
            "embedding_error": {"help_text": "Why it does not, as a sentence."},
        }

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

    sku = serializers.CharField(allow_null=True, help_text="As it was sent; null without one.")
    status = serializers.ChoiceField(OUTCOMES, help_text="What became of it.")
    id = serializers.IntegerField(
        allow_null=True, help_text="The product's number here; null where it failed."
    )
    errors = serializers.DictField(  # type: ignore[assignment]
        help_text="Sentences by field, where it failed."
    )


class BatchAnswerSerializer(serializers.Serializer[Any]):
    """What became of each item: the products in their order, then what was to be deleted."""

    results = OutcomeSerializer(many=True, help_text="One for each item.")
