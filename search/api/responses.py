"""What the search API gives."""

from rest_framework import serializers

from search.bands import WORDS, Band
from search.queries.query import Query
from search.service import Answer, CategoryCount, Facets, Match


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
