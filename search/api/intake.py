"""From a validated request to a query and its answer; errors on the way become HTTP errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError

from catalog.api.exceptions import TooBusy, TooLarge
from catalog.embedders import EmbedderUnavailable
from catalog.embedders.runtime import Embedder
from catalog.fetching.fetcher import FetchError, host_of
from catalog.fetching.remote import fetch_picture
from catalog.messages.translation import translated
from catalog.pictures.gate import InvalidImage
from catalog.pictures.slots import Busy, Slots
from catalog.pictures.stored import image_limits
from catalog.serving import serving_embedder
from search.demand.records import record_demand
from search.metrics import RESULTS, count_fetch
from search.queries.photo_cache import keep_address, kept_address
from search.queries.query import (
    Crop,
    NotCroppable,
    NotSearchable,
    Query,
    UnknownQuery,
    query_by_id,
    query_by_photo,
    query_by_product,
)
from search.queries.steering import product_vectors, steered
from search.service import Answer, NothingToSearch, Options, search

# Another server may take ten seconds, so at most a quarter of gunicorn's threads may be fetching.
FETCHING = Slots(8, per_client=1, per_target=4, waiting=4, patience=2)


class Unavailable(APIException):
    """The search is not set up yet; the message names the command that sets it up."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


@dataclass(frozen=True)
class SearchRequest:
    """A validated request: one of `file`, `image_url`, `product` and `query`, and the options."""

    file: UploadedFile | None = None
    image_url: str = ""
    product: int | None = None
    query: str = ""  # id of an earlier query
    crop: Crop | None = None
    more: tuple[int, ...] = ()
    less: tuple[int, ...] = ()
    options: Options = field(default_factory=Options)
    client: str = ""  # who asks, as `client_of` names them


@contextmanager
def http_errors(name: str = "query") -> Iterator[None]:
    """Raise errors of the search as those of DRF; bad input is reported under `name`."""
    try:
        yield
    except (FetchError, InvalidImage, UnknownQuery, NotSearchable) as error:
        raise ValidationError({name: [translated(error)]}) from error
    except NotCroppable as error:
        raise ValidationError({"crop": [translated(error)]}) from error
    except (EmbedderUnavailable, NothingToSearch) as error:
        raise Unavailable(translated(error)) from error
    except Busy as error:
        raise TooBusy(error) from error


def query_of(asked: SearchRequest) -> Query:
    """The query of a request. Raises APIException."""
    with http_errors():
        embedder = serving_embedder()
    if asked.query:
        with http_errors("query"):
            query = query_by_id(asked.query, embedder, crop=asked.crop, client=asked.client)
    elif asked.product is not None:
        with http_errors("product"):
            query = query_by_product(asked.product, embedder)
    elif asked.file is not None:
        if (asked.file.size or 0) > image_limits().bytes:
            raise TooLarge
        with http_errors("file"):
            query = query_by_photo(
                asked.file.read(), embedder, crop=asked.crop, client=asked.client
            )
    else:
        with http_errors("image_url"):
            query = _query_by_address(asked, embedder)
    if not (asked.more or asked.less):
        return query
    with http_errors("more"):
        more = product_vectors(asked.more, embedder)
    with http_errors("less"):
        less = product_vectors(asked.less, embedder)
    return steered(query, more, less)


def answer_to(query: Query, options: Options) -> Answer:
    """`search()` for an HTTP client. Raises APIException."""
    with http_errors():
        return search(query, options)


def record(answer: Answer, client: str) -> None:
    """Count a client's search, for the metrics and the demand board."""
    RESULTS.observe(answer.count)
    if settings.DEMAND_DAYS:
        record_demand(answer, client)


def _query_by_address(asked: SearchRequest, embedder: Embedder) -> Query:
    """The query of the photo at an address, which is not fetched again within minutes."""
    url, crop, client = asked.image_url, asked.crop, asked.client
    try:
        query = query_by_id(kept_address(url, client=client), embedder, crop=crop, client=client)
    except UnknownQuery:  # it was not fetched lately
        with count_fetch(), FETCHING.one(client, host_of(url)):
            photo = fetch_picture(url)
        query = query_by_photo(photo, embedder, crop=crop, client=client)
    keep_address(url, query.id, client=client)
    return query
