"""Products and categories in JSON: fields and serializers for what is shown and what is sent."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from difflib import get_close_matches
from itertools import islice
from typing import Any, ClassVar

from django.core.validators import RegexValidator, URLValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.fields import empty

from catalog.api.exceptions import TooBusy, TooLarge
from catalog.importers.writer import REQUIRED, STATUSES, WriteResult, addressed_photos
from catalog.messages.translation import translated
from catalog.models import Availability, Category, Product, currency_of, default_currency
from catalog.pictures.gate import InvalidImage
from catalog.pictures.slots import DECODING, STAFF, Busy
from catalog.pictures.stored import NewPicture, image_limits
from catalog.values import (
    FORBIDDEN,
    MAX_ADDRESS,
    MAX_CATEGORY,
    MAX_GROUP,
    MAX_PICTURES,
    MAX_SKU,
    MAX_WORDS_TEXT,
    InvalidValue,
    address,
    addresses,
    attributes,
    attributes_in,
    availability,
    flag,
    identifier,
    line,
    price,
    words,
)

BATCH_SIZE = 500
# The example in the API's documentation.
MUG = {
    "sku": "mug-42",
    "name": "Stoneware Mug",
    "category": "Kitchen",
    "price": 12.90,
    "sale_price": 9.90,
    "currency": "EUR",
    "brand": "Clay & Co",
    "group": "mug",
    "availability": "in_stock",
    "attributes": {"colour": "blue", "size": "0.4 l"},
    "link": "https://shop.example/mug-42",
    "active": True,
    "image_url": "https://shop.example/pictures/mug-42.jpg",
    "photos": ["https://shop.example/pictures/mug-42-inside.jpg"],
}

# What `catalog.values` refuses, too: as a pattern, because the schema shows it to clients.
printable = RegexValidator(
    "^[^\x00-\x1f\x7f-\x9f\ufffe\uffff]*\\Z", _("Control characters are not allowed.")
)
http_url = URLValidator(schemes=("http", "https"))


def few_words(text: str) -> None:
    """Raises ValidationError if `has_words` does not take so many."""
    try:
        words(text)
    except InvalidValue as error:
        raise serializers.ValidationError(translated(error)) from error


# The options of a field of words to look for.
WORDS_OPTIONS: dict[str, Any] = {
    "max_length": MAX_WORDS_TEXT, "default": "", "allow_blank": True, "validators": [few_words],
    "help_text": "At most 20 words; a product's name, brand, SKU or category must contain each of "
    "them. Neither case nor accents count.",
}  # fmt: skip
# The options of a field of an availability to filter by.
AVAILABILITY: dict[str, Any] = {
    "choices": Availability.choices,
    # Translators: these four words stay as they are.
    "error_messages": {"invalid_choice": _("Use in_stock, out_of_stock, preorder or backorder.")},
}


class LineField(serializers.CharField):
    """One line of text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators.append(printable)


class RuledField(LineField):
    """Text in the form that a rule of `catalog.values` gives it, as in files."""

    def __init__(self, rule: Callable[[str], str] = line, **options: Any) -> None:
        super().__init__(**options)
        self.rule = rule

    def to_internal_value(self, data: Any) -> str:
        try:
            text = self.rule(super().to_internal_value(data))
        except InvalidValue as error:
            raise serializers.ValidationError(translated(error)) from error
        if not text:
            self.fail("blank")
        return text


class SKUField(RuledField):
    """The shop's own key of a product."""

    def __init__(self, **options: Any) -> None:
        super().__init__(identifier, **{"max_length": MAX_SKU} | options)

    def of_address(self, sku: str) -> str:
        """The SKU in a path. Raises ValidationError, about `sku`."""
        try:
            validated: str = self.run_validation(sku)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"sku": error.detail}) from error
        return validated


@extend_schema_field({"oneOf": [{"type": "number", "minimum": 0}, {"type": "string"}]})
class PriceField(serializers.DecimalField):
    """A price by the rule for files. A currency beside it must agree with the field `currency`."""

    def to_internal_value(self, data: Any) -> Decimal:
        try:
            amount = _read_price(data, self.parent.initial_data)[0]
        except InvalidValue as error:
            raise serializers.ValidationError(translated(error)) from error
        value: Decimal = super().to_internal_value(str(amount))
        return value


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class AttributesField(serializers.Field[dict[str, str], Any, Any, Any]):
    """Texts by name. A form may send them as files have them."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        try:
            if isinstance(data, str):
                return attributes_in(data)
            if isinstance(data, Mapping):
                return attributes(data)
        except InvalidValue as error:
            raise serializers.ValidationError(translated(error)) from error
        raise serializers.ValidationError(gettext('Give texts by name, such as {"size": "M"}.'))


class PicturesField(LineField):
    """Addresses in one text, separated as in files; a list of them.

    The path of a file is accepted where an import has left it behind, so that the product can be
    read and sent back.
    """

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        try:
            return addresses(text)
        except InvalidValue as error:
            sku = str(self.parent.initial_data.get("sku", ""))
            is_readable = not FORBIDDEN.search(sku + text)  # or PostgreSQL would fail
            if is_readable and Product.objects.filter(sku=sku, image_url=text).exists():
                return [text]
            raise serializers.ValidationError(translated(error)) from error


class FlagField(serializers.BooleanField):
    """True or false, in the words of files. Missing from a form means unchanged, not false."""

    default_empty_html = empty

    def to_internal_value(self, data: Any) -> bool:
        try:
            return flag(data) if isinstance(data, str) else super().to_internal_value(data)
        except InvalidValue as error:
            raise serializers.ValidationError(translated(error)) from error


class PictureUploadField(serializers.FileField):
    """An uploaded file, as a NewPicture that has passed the picture gate."""

    def to_internal_value(self, data: Any) -> NewPicture:
        upload = super().to_internal_value(data)
        if upload.size > image_limits().bytes:
            raise TooLarge
        try:
            with DECODING.one(STAFF):
                return NewPicture(upload.read())
        except InvalidImage as error:
            raise serializers.ValidationError(translated(error)) from error
        except Busy as error:
            raise TooBusy(error) from error


class StoredSentenceField(serializers.CharField):
    """A sentence in the shop's language, or a constant in English, which is translated."""

    def to_representation(self, value: str) -> str:
        return value and gettext(value)


class CategorySerializer(serializers.ModelSerializer[Category]):
    """A category."""

    products = serializers.IntegerField(
        source="product_count", read_only=True, help_text="Active products."
    )

    class Meta:
        model = Category
        fields = ("id", "name", "products")
        extra_kwargs: ClassVar = {
            "id": {"help_text": "The number that this site gave it."},
            "name": {"help_text": "Its unique name, such as Shoes."},
        }


class ProductSerializer(serializers.ModelSerializer[Product]):
    """A product as everybody sees it."""

    category = serializers.CharField(source="category.name", help_text="Its category, by name.")
    price = serializers.FloatField(help_text="What it costs, such as 54.9.")
    sale_price = serializers.FloatField(
        allow_null=True, help_text="What it costs now, where that is less than the price, or null."
    )
    attributes = serializers.DictField(
        child=serializers.CharField(), help_text="What else describes it: texts by name."
    )
    image_src = serializers.FileField(
        source="image", allow_null=True, help_text="The address of its picture."
    )
    photo_srcs = serializers.SerializerMethodField(
        help_text="The addresses of its further photos, in their order."
    )
    url = serializers.SerializerMethodField(help_text="Its page on this site.")

    class Meta:
        model = Product
        fields: tuple[str, ...] = (
            "id",
            "sku",
            "name",
            "category",
            "price",
            "sale_price",
            "currency",
            "brand",
            "group",
            "availability",
            "attributes",
            "image_src",
            "photo_srcs",
            "url",
            "link",
        )
        extra_kwargs: ClassVar = {
            "id": {"help_text": "The number that this site gave it."},
            "sku": {"help_text": "The shop's own key, unique among products."},
            "name": {"help_text": "What shoppers read."},
            "currency": {"help_text": "ISO 4217, such as EUR."},
            "brand": {"help_text": "Who makes it, or an empty text."},
            "group": {"help_text": "Shared by the variants of one product, or an empty text."},
            "availability": {"help_text": "Whether it can be bought."},
            "active": {"help_text": "Whether shoppers see it and search finds it."},
            "image_url": {"help_text": "Where its picture comes from, unless one was uploaded."},
            "embedding_status": {"help_text": "Whether search can use its picture."},
        }

    def get_url(self, product: Product) -> str:
        return self._absolute(product.get_absolute_url())

    def get_photo_srcs(self, product: Product) -> list[str]:
        return [self._absolute(photo.image.url) for photo in product.photos.all() if photo.image]

    def _absolute(self, path: str) -> str:
        url: str = self.context["request"].build_absolute_uri(path)
        return url


class StaffProductSerializer(ProductSerializer):
    """A product as staff see it, with the state of its picture."""

    photos = serializers.SerializerMethodField(
        help_text="Where its further photos come from, in their order, without uploaded ones."
    )

    embedding_error = StoredSentenceField(
        read_only=True, help_text="Why search can't use its picture, as a sentence."
    )
    refetch_error = StoredSentenceField(
        read_only=True,
        allow_null=True,
        help_text="Why its picture could not be fetched again, as a sentence, or null. The one that"
        " was fetched before stays.",
    )

    class Meta(ProductSerializer.Meta):
        fields = (
            *ProductSerializer.Meta.fields,
            "active",
            "image_url",
            "photos",
            "embedding_status",
            "embedding_error",
            "refetch_error",
        )

    def get_photos(self, product: Product) -> list[str]:
        return [photo.image_url for photo in addressed_photos(product)]


@extend_schema_serializer(component_name="Outcome")
class BatchResultSerializer(serializers.Serializer[WriteResult]):
    """What happened to one item of a batch."""

    sku = serializers.CharField(allow_null=True, help_text="As it was sent; null if missing.")
    status = serializers.ChoiceField(STATUSES, help_text="What happened to the item.")
    id = serializers.IntegerField(
        allow_null=True, help_text="The product's number on this site; null where it failed."
    )
    errors = serializers.DictField(  # type: ignore[assignment]
        help_text="Sentences by field, where it failed."
    )


class BatchAnswerSerializer(serializers.Serializer[Any]):
    """What happened to each item: first the products in their order, then the deletions."""

    results = BatchResultSerializer(many=True, help_text="One for each item.")


class StrictSerializer(serializers.Serializer[Any]):
    """What staff send. Refuses fields that it does not have, because they may be misspelt."""

    # The token is that of Django's forms.
    ignored: ClassVar[frozenset[str]] = frozenset({"csrfmiddlewaretoken"})

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {*self.fields, *self.ignored}
            unknown = (name for name in data if name not in known)
            errors = {str(name)[:50]: [self._hint(str(name))] for name in islice(unknown, 10)}
            if errors:
                raise serializers.ValidationError(errors)
        return super().to_internal_value(data)

    def _hint(self, name: str) -> str:
        if near := get_close_matches(name[:50], list(self.fields), n=1):
            return gettext("There is no such field. Did you mean %(name)s?") % {"name": near[0]}
        names = ", ".join(self.fields)
        return gettext("There is no such field. There are: %(names)s.") % {"names": names}


@extend_schema_serializer(examples=[OpenApiExample("A mug", MUG, request_only=True)])
class ProductDraftSerializer(StrictSerializer):
    """A product as staff send it. A category that does not exist yet is created."""

    # So that a product can be read, changed and sent back.
    ignored = StrictSerializer.ignored | frozenset(StaffProductSerializer.Meta.fields)

    sku = SKUField(help_text="The shop's own key, unique among products.")
    name = RuledField(max_length=200, help_text="What shoppers read, such as Stoneware Mug.")
    category = RuledField(
        max_length=MAX_CATEGORY,
        help_text="By name. A new one is created if you may add categories.",
    )
    price = PriceField(
        10,
        2,
        min_value=0,
        help_text="Such as 12.90, which is rounded to cents. A text may have the currency, too: "
        "12.90 EUR.",
    )
    sale_price = PriceField(
        10,
        2,
        min_value=0,
        required=False,
        allow_null=True,
        help_text="What it costs now: above 0 and below the price. null ends a sale.",
    )
    currency = RuledField(currency_of, required=False, help_text="ISO 4217, such as EUR.")
    link = RuledField(
        address,
        validators=[http_url],
        max_length=MAX_ADDRESS,
        required=False,
        allow_blank=True,
        help_text="The product's page in the shop.",
    )
    brand = RuledField(
        max_length=100, required=False, allow_blank=True, help_text="Who makes it, such as Acme."
    )
    group = RuledField(
        identifier,
        max_length=MAX_GROUP,
        required=False,
        allow_blank=True,
        help_text="Shared by the variants of one product, such as its sizes.",
    )
    availability = RuledField(
        availability,
        required=False,
        help_text="in_stock, out_of_stock, preorder or backorder, as feeds write them.",
    )
    attributes = AttributesField(
        required=False,
        help_text="What else describes it, by name: at most 50. They replace those it has.",
    )
    active = FlagField(required=False, help_text="Whether shoppers see it.")
    image = PictureUploadField(
        required=False,
        allow_null=True,
        help_text="The picture as an upload: multipart/form-data. null removes it.",
    )
    # URLValidator is stricter: the name of a shop's own image server may have no dot. The fetcher
    # decides which hosts it may reach.
    image_url = PicturesField(
        required=False,
        allow_blank=True,
        help_text="The address from which the picture is fetched soon, unless one is uploaded. "
        "Further addresses in the same text become photos.",
    )
    photos = serializers.ListField(
        child=RuledField(address, max_length=MAX_ADDRESS),
        max_length=MAX_PICTURES - 1,
        required=False,
        help_text="The addresses of its further photos, in their order. They replace those that "
        "came from other addresses; uploaded ones stay.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """As in files, a price may have its currency beside it, and `image_url` further photos."""
        values = dict(attrs)
        for name in ("price", "sale_price"):
            if attrs.get(name) is not None:
                currency = _read_price(self.initial_data[name], self.initial_data)[1]
                if currency and values.setdefault("currency", currency) != currency:
                    text = gettext("The price is in %(currency)s, and this in %(other)s.")
                    sentence = text % {"currency": values["currency"], "other": currency}
                    raise serializers.ValidationError({name: [sentence]})
        picture, *photos = attrs.get("image_url") or [""]
        if "image_url" in attrs:
            values["image_url"] = picture
        if photos or "photos" in attrs:
            named = dict.fromkeys([*photos, *attrs.get("photos", [])])
            values["photos"] = [address for address in named if address != picture]
            if len(values["photos"]) >= MAX_PICTURES:
                text = gettext("The maximum is %(most)s pictures of a product.")
                sentence = text % {"most": MAX_PICTURES}
                raise serializers.ValidationError({"photos": [sentence]})
        return values


@extend_schema_serializer(
    examples=[OpenApiExample("A new price", {"price": 9.90}, request_only=True)]
)
class UpsertSerializer(ProductDraftSerializer):
    """Missing fields stay as they are; a new product needs name, category and price."""

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        for name in ("sku", *REQUIRED):
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
    """Items, which are validated one by one later, so that each has its own errors."""


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class SKUsField(serializers.ListField):
    """SKUs, which are validated one by one later."""


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Two products and one to delete",
            {"products": [MUG, {"sku": "mug-41", "price": 9.90}], "delete": ["mug-40"]},
            request_only=True,
        )
    ]
)
class BatchSerializer(StrictSerializer):
    """Products to create or change, and SKUs of products to delete: at most 500 items in all."""

    products = BatchItemsField(
        required=False, help_text="Created or changed one by one, in this order."
    )
    delete = SKUsField(required=False, help_text="SKUs of products that are deleted afterwards.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            # Translators: products and delete are names of fields and stay as they are.
            raise serializers.ValidationError(gettext("Give products, delete or both."))
        if sum(map(len, attrs.values())) > BATCH_SIZE:
            sentence = gettext("The maximum is %(most)s items.") % {"most": BATCH_SIZE}
            raise serializers.ValidationError(sentence)
        return attrs


@extend_schema_serializer(
    examples=[OpenApiExample("Two products", {"skus": ["mug-42", "mug-43"]}, request_only=True)]
)
class RefetchSerializer(StrictSerializer):
    """Products whose pictures, further photos included, are fetched again."""

    skus = serializers.ListField(
        child=SKUField(), min_length=1, max_length=BATCH_SIZE, help_text="At most 500 SKUs."
    )


class RefetchAnswerSerializer(serializers.Serializer[Any]):
    """What will be fetched again."""

    pictures = serializers.IntegerField(help_text="The number of pictures with an address.")
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="SKUs that no product has."
    )


def _read_price(text: Any, draft: Mapping[str, Any]) -> tuple[Decimal, str]:
    """A price of a draft and its currency, by the rule for files. Raises InvalidValue."""
    known, given = "", draft.get("currency")
    with suppress(InvalidValue):  # its own field says what is wrong
        known = currency_of(given) if isinstance(given, str) else ""
    return price(text, currency=known, default=default_currency())
