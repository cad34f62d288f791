"""Parsers of request bodies: bounded in size, and malformed bodies are answered with 400."""

import json
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser

from catalog.api.exceptions import TooLarge
from catalog.messages import sentence
from catalog.messages.translation import translated

MAX_BYTES = 2**20


class BoundedFormParser(FormParser):
    """A form without files, of bounded size; Django itself bounds forms with files."""

    def parse(self, stream: IO[Any], *args: Any, **options: Any) -> Any:
        return super().parse(_bounded(stream, MAX_BYTES), *args, **options)


class UploadParser(MultiPartParser):
    """A form with files; whatever Django can't parse is the client's error, in one sentence."""

    def parse(self, stream: IO[Any], *args: Any, **options: Any) -> Any:
        try:
            return super().parse(stream, *args, **options)
        # TypeError: a header parameter given twice, in parts: x*1=a; x*=b
        except (TypeError, ParseError) as error:
            raise ParseError(gettext("The upload can't be read.")) from error


class BoundedJSONParser(JSONParser):
    """JSON as in RFC 8259. Nesting too deep for Python is the client's error.

    So is a lone surrogate, which no answer could repeat.
    """

    max_bytes = MAX_BYTES

    def parse(self, stream: IO[Any], *args: Any, **options: Any) -> Any:
        bounded = _bounded(stream, self.max_bytes)
        try:
            data = super().parse(bounded, *args, **options)
            json.dumps(data, ensure_ascii=False).encode()
        except ParseError as error:  # DRF's own
            text = gettext("The JSON can't be read: %(problem)s.")
            raise ParseError(text % {"problem": error.__context__}) from error
        except RecursionError as error:
            raise ParseError(gettext("The JSON is nested too deeply.")) from error
        except UnicodeEncodeError as error:
            text = gettext("The JSON has half a surrogate pair, which is not text.")
            raise ParseError(text) from error
        return data


class BatchParser(BoundedJSONParser):
    """JSON as large as Django accepts: enough for 500 products with the longest addresses."""

    max_bytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or MAX_BYTES


def _bounded(stream: IO[Any], max_bytes: int) -> BytesIO:
    data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        too_large = sentence(
            "The request is too large; the maximum is %(most)s MB.", most=max_bytes / 2**20
        )
        raise TooLarge(translated(too_large))
    return BytesIO(data)
