"""The catalog as the API shows it."""

from rest_framework import serializers

from catalog.models import Category, Product


class CategorySerializer(serializers.ModelSerializer[Category]):
    products = serializers.IntegerField(
        source="product_count", read_only=True, help_text="Active products."
    )

    class Meta:
        model = Category
        fields = ("id", "name", "products")


class ProductSerializer(serializers.ModelSerializer[Product]):
    category = serializers.CharField(source="category.name")
    price = serializers.FloatField()
    image_src = serializers.FileField(source="image", allow_null=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = Product
        fields = (
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
