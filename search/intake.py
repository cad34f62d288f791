"""From checked input to a query; what can go wrong on the way becomes an HTTP error."""

from io import BytesIO
from typing import IO, Any

from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError

from catalog.api.refusals import TooLarge
from catalog.embedders import EmbedderUnavailable
from catalog.embedders.runtime import Embedder
from catalog.fetching import FetchError
from catalog.images import InvalidImage
from catalog.limits import image_limits
from catalog.pictures import fetch_picture
from catalog.serving import serving_embedder
from search.answers import Answer, NothingToSearch, Options, search
from search.queries import (
    NotSearchable,
    Query,
    UnknownQuery,
    query_by_id,
    query_by_photo,
    query_by_product,
)
from search.slots import Busy, Slots

DECODING = Slots(2, patience=5)  # some pictures take 300 MB while they are opened
# A stranger's server may take ten seconds: a quarter of gunicorn's threads may wait for one.
FETCHING = Slots(8, patience=2)


class Unavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


class TooBusy(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    wait = 5  # seconds, which DRF writes as Retry-After


def query_from(given: dict[str, Any], *, keep_preview: bool = False) -> Query:
    """The query of a validated SearchSerializer. Raises APIException."""
    if given.get("product") is not None:
        return query_from_product(given["product"])
    field = "file" if given.get("file") is not None else "image_url"
    try:
        photo, embedder = _photo(given), _embedder()
        with DECODING.one():
            return query_by_photo(
                photo.read(), embedder, crop=given.get("crop"), keep_preview=keep_preview
            )
    except Busy as error:
        raise TooBusy(str(error)) from error
    except (FetchError, InvalidImage) as error:
        raise ValidationError({field: [str(error)]}) from error


def query_from_product(pk: int) -> Query:
    """The query for look-alikes of an active product. Raises APIException."""
    try:
        return query_by_product(pk, _embedder())
    except (UnknownQuery, NotSearchable) as error:
        raise ValidationError({"product": [str(error)]}) from error


def query_again(query_id: str) -> Query:
    """The query that had this id. Raises APIException."""
    try:
        return query_by_id(query_id, _embedder())
    except (UnknownQuery, NotSearchable) as error:
        raise ValidationError({"query": [str(error)]}) from error


def answer_to(query: Query, options: Options) -> Answer:
    """`search()`, with its errors as an HTTP client wants them. Raises APIException."""
    try:
        return search(query, options)
    except NothingToSearch as error:
        raise Unavailable(str(error)) from error


def _photo(given: dict[str, Any]) -> IO[bytes]:
    upload: IO[bytes] | None = given.get("file")
    if upload is None:
        with FETCHING.one():
            return BytesIO(fetch_picture(given["image_url"]))
    if given["file"].size > image_limits().bytes:
        raise TooLarge
    return upload


def _embedder() -> Embedder:
    try:
        return serving_embedder()
    except EmbedderUnavailable as error:
        raise Unavailable(str(error)) from error
