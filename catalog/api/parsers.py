"""How the API reads what it is sent: as UTF-8, and no more than it has a use for."""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser

from catalog.api.refusals import TooLarge

MOST_BYTES = 2**20


class BoundedFormParser(FormParser):
    """A form of bounded size. One with files is read by Django, which bounds its fields itself."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return super().parse(_bounded(stream, MOST_BYTES), media_type, parser_context)


class UploadParser(MultiPartParser):
    """A form with files; headers that Django stumbles over are the sender's error."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except TypeError as error:  # of a parameter in parts, given twice: x*1=a; x*=b
            raise ParseError("The upload can't be read.") from error


class BoundedJSONParser(JSONParser):
    """JSON as RFC 8259 has it; nesting beyond what Python can follow is the sender's error.

    So is half a surrogate pair: no answer could repeat it.
    """

    most_bytes = MOST_BYTES

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        bounded = _bounded(stream, self.most_bytes)
        try:
            data = super().parse(bounded, media_type, parser_context)
            json.dumps(data, ensure_ascii=False).encode()
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except UnicodeEncodeError as error:
            raise ParseError("The JSON has half a surrogate pair, which is no text.") from error
        return data


class BatchParser(BoundedJSONParser):
    """JSON that has room for 500 products with the longest addresses: what Django lets in."""

    most_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or MOST_BYTES


def _bounded(stream: IO[Any], most_bytes: int) -> BytesIO:
    data = stream.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise TooLarge(f"The request is too large; {most_bytes / 2**20:g} MB are the most.")
    return BytesIO(data)
