"""What staff may send for a product, field by field."""

from typing import Any

from django.core.validators import RegexValidator, URLValidator
from rest_framework import serializers
from rest_framework.fields import empty

from catalog.api.refusals import TooLarge
from catalog.pictures.fields import NewPicture
from catalog.pictures.gate import InvalidImage
from catalog.pictures.limits import image_limits

# DRF itself refuses NULs and lone surrogates only.
printable = RegexValidator(r"^[^\x00-\x1f\x7f-\x9f]*\Z", "Control characters are not allowed.")
currency_code = RegexValidator(r"^[A-Z]{3}\Z", "Give three capital letters, such as EUR.")
http_url = URLValidator(schemes=("http", "https"))
# Where it may lead is the fetcher's to say: a shop's own image server needs no dot in its name.
http_address = RegexValidator(
    r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s\x00-\x1f\x7f-\x9f]+\Z", "Give an http(s) address."
)


class LineField(serializers.CharField):
    """One line of text that keeps the rule."""

    def __init__(self, rule: RegexValidator = printable, **options: Any) -> None:
        super().__init__(**options)
        self.validators.append(rule)


class SKUField(LineField):
    """The shop's own key of a product."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 64} | options)


class FlagField(serializers.BooleanField):
    """True or false. DRF takes it as false where a form leaves it out; here that says nothing."""

    default_empty_html = empty


class PictureUploadField(serializers.FileField):
    """A file that passes the gate, as NewPicture."""

    def to_internal_value(self, data: Any) -> NewPicture:
        upload = super().to_internal_value(data)
        if upload.size > image_limits().bytes:
            raise TooLarge
        try:
            return NewPicture(upload.read())
        except InvalidImage as error:
            raise serializers.ValidationError(str(error)) from error
