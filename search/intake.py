"""From checked input to a query; what can go wrong on the way becomes an HTTP error."""

from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError

from catalog.api.errors import TooLarge
from catalog.embedders import EmbedderUnavailable
from catalog.embedders.runtime import Embedder
from catalog.fetching import FetchError
from catalog.images import ImageLimits, InvalidImage
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

LIMITS = ImageLimits()


class Unavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


def query_from(given: dict[str, Any], *, keep_preview: bool = False) -> Query:
    """The query of a validated SearchSerializer. Raises APIException."""
    if given.get("product") is not None:
        return query_from_product(given["product"])
    field = "file" if given.get("file") is not None else "image_url"
    try:
        return query_by_photo(
            _photo(given), _embedder(), crop=given.get("crop"), keep_preview=keep_preview
        )
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


def _photo(given: dict[str, Any]) -> bytes:
    upload = given.get("file")
    if upload is None:
        return fetch_picture(given["image_url"])
    if upload.size > LIMITS.bytes:
        raise TooLarge
    data: bytes = upload.read()
    return data


def _embedder() -> Embedder:
    try:
        return serving_embedder()
    except EmbedderUnavailable as error:
        raise Unavailable(str(error)) from error
