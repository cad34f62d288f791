"""From checked input to a query; what can go wrong on the way becomes an HTTP error."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO, Any

from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError

from catalog.api.refusals import TooLarge
from catalog.embedders import EmbedderUnavailable
from catalog.embedders.runtime import Embedder
from catalog.fetching.fetcher import FetchError
from catalog.fetching.remote import fetch_picture
from catalog.pictures.gate import InvalidImage
from catalog.pictures.limits import image_limits
from catalog.serving import serving_embedder
from search.demand.records import note
from search.metrics import RESULTS, fetch_noted
from search.queries.cache import recall_address, remember_address
from search.queries.photos import Crop
from search.queries.query import (
    NotCroppable,
    NotSearchable,
    ProductVectors,
    Query,
    UnknownQuery,
    make_preview,
    product_vectors,
    query_by_id,
    query_by_kept_photo,
    query_by_photo,
    query_by_product,
    steered,
    with_preview,
)
from search.queries.slots import Busy, Slots
from search.service import Answer, NothingToSearch, Options, search

DECODING = Slots(2, patience=5)  # some pictures take 300 MB while they are opened
# A stranger's server may take ten seconds: a quarter of gunicorn's threads may wait for one.
FETCHING = Slots(8, patience=2)


class Unavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


class TooBusy(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    wait = 5  # seconds, which DRF writes as Retry-After


def query_from(given: dict[str, Any]) -> Query:
    """The query of a validated SearchSerializer. Raises APIException."""
    if given.get("product") is not None:
        return query_from_product(given["product"], given)
    embedder = embedder_in_use()
    url = given.get("image_url")
    try:
        query = _fetched_before(given, embedder) or _by_photo(given, embedder)
    except (FetchError, InvalidImage) as error:
        field = "file" if url is None else "image_url"
        raise ValidationError({field: [str(error)]}) from error
    if url is not None:
        remember_address(url, query.id)
    return _steered(query, given, embedder)


def query_from_product(pk: int, given: dict[str, Any]) -> Query:
    """The query for look-alikes of an active product. Raises APIException."""
    embedder = embedder_in_use()
    try:
        query = query_by_product(pk, embedder)
    except (UnknownQuery, NotSearchable) as error:
        raise ValidationError({"product": [str(error)]}) from error
    return _steered(query, given, embedder)


def query_again(given: dict[str, Any]) -> Query:
    """The query of a validated QuerySerializer. Raises APIException."""
    embedder = embedder_in_use()
    try:
        query = _again(given["query"], embedder, given.get("crop"))
    except (UnknownQuery, NotSearchable) as error:
        raise ValidationError({"query": [str(error)]}) from error
    except NotCroppable as error:
        raise ValidationError({"crop": [str(error)]}) from error
    return _steered(query, given, embedder)


def shown(query: Query) -> Query:
    """The query with a small copy of its photo, while the photo is kept. Raises APIException."""
    found = with_preview(query)
    if found.preview or query.product is not None:
        return found
    try:
        with decoding():
            make_preview(query.id)
    except UnknownQuery:
        return query
    return with_preview(query)


@contextmanager
def decoding() -> Iterator[None]:
    """Hold one of the slots for opening pictures. Raises APIException."""
    try:
        with DECODING.one():
            yield
    except Busy as error:
        raise TooBusy(str(error)) from error


def answer_to(query: Query, options: Options) -> Answer:
    """`search()`, with its errors as an HTTP client wants them. Raises APIException."""
    try:
        answer = search(query, options)
    except NothingToSearch as error:
        raise Unavailable(str(error)) from error
    RESULTS.observe(answer.count)
    note(answer)
    return answer


def _by_photo(given: dict[str, Any], embedder: Embedder) -> Query:
    photo = _photo(given)
    with decoding():
        return query_by_photo(photo.read(), embedder, crop=given.get("crop"))


def _fetched_before(given: dict[str, Any], embedder: Embedder) -> Query | None:
    """The query of an address that was fetched just now, None where it has to be fetched."""
    query_id = recall_address(given["image_url"]) if given.get("image_url") else ""
    try:
        return _again(query_id, embedder, given.get("crop")) if query_id else None
    except UnknownQuery:
        return None


def _again(query_id: str, embedder: Embedder, crop: Crop | None) -> Query:
    """Raises UnknownQuery, NotSearchable, NotCroppable, APIException."""
    query = query_by_id(query_id, embedder, crop=crop)
    if query is not None:
        return query
    with decoding():
        return query_by_kept_photo(query_id, embedder, crop=crop)


def _steered(query: Query, given: dict[str, Any], embedder: Embedder) -> Query:
    if not (given["more"] or given["less"]):
        return query
    more, less = (_vectors(given, name, embedder) for name in ("more", "less"))
    return steered(query, more, less)


def _vectors(given: dict[str, Any], name: str, embedder: Embedder) -> ProductVectors:
    try:
        return product_vectors(given[name], embedder)
    except NotSearchable as error:
        raise ValidationError({name: [str(error)]}) from error


def _photo(given: dict[str, Any]) -> IO[bytes]:
    upload: IO[bytes] | None = given.get("file")
    if upload is None:
        try:
            with FETCHING.one(), fetch_noted():
                return BytesIO(fetch_picture(given["image_url"]))
        except Busy as error:
            raise TooBusy(str(error)) from error
    if given["file"].size > image_limits().bytes:
        raise TooLarge
    return upload


def embedder_in_use() -> Embedder:
    """The embedder whose vectors are searched. Raises APIException."""
    try:
        return serving_embedder()
    except EmbedderUnavailable as error:
        raise Unavailable(str(error)) from error
