"""From what a shopper gave to a unit vector, and the cache that remembers it for a while."""

import logging
import pickle
import re
import zlib
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, replace
from hashlib import sha256
from time import perf_counter

import numpy as np
from django.core.cache import cache
from django.utils.crypto import salted_hmac
from numpy.typing import NDArray
from PIL import Image
from redis import RedisError

from catalog.embedders.runtime import Embedder
from catalog.images import encode_image, open_image
from catalog.limits import image_limits
from catalog.models import Product
from catalog.vectors import InvalidVector, from_bytes

logger = logging.getLogger(__name__)

LIFETIME = 60 * 60  # seconds that a query can be asked again
PREVIEW_SIDE = 400  # pixels of the query picture that is kept to be shown beside the results
# What a full disk, a torn file, a query of an older release and a Redis that is down raise.
CACHE_TROUBLE = (OSError, zlib.error, pickle.UnpicklingError, AttributeError, EOFError, RedisError)
CACHE_PREFIX = "query:"
PRODUCT_PREFIX = "product-"
PHOTO_ID = re.compile(r"[\w-]{16}\Z", re.ASCII)

Crop = tuple[float, float, float, float]  # x, y, width, height as fractions of the upright picture


class UnknownQuery(Exception):
    """The query was never asked here, or too long ago, or its product is gone."""


class NotSearchable(Exception):
    """The product has no vector of this embedder; the message says so."""


@dataclass(frozen=True)
class Query:
    """What is looked for."""

    id: str
    embedder: str  # identity
    vector: NDArray[np.float32]  # (dim,), unit length
    preview: bytes = b""  # a small JPEG of a photo that was given
    product: int | None = None  # id of the product whose look-alikes are wanted
    decode_ms: float = 0.0
    embed_ms: float = 0.0

    @property
    def preview_url(self) -> str:
        """The preview as a data: URL, "" without one."""
        return f"data:image/jpeg;base64,{b64encode(self.preview).decode()}" if self.preview else ""


def query_by_photo(
    data: bytes, embedder: Embedder, *, crop: Crop | None = None, keep_preview: bool = False
) -> Query:
    """The query of a photo's bytes, remembered; of the photo at most a small copy is kept.

    The same photo, cropped alike, is not looked at again. Raises InvalidImage.
    """
    query_id = _photo_id(data, embedder, crop)
    known = _recall(query_id)
    if known and (known.preview or not keep_preview):
        return _remember(known)  # for another while
    started = perf_counter()
    detail = embedder.detail if crop is None else None
    picture = open_image(data, limits=image_limits(), at_least=detail)
    if crop is not None:
        picture = _cropped(picture, crop)
    decode_ms = milliseconds_since(started)
    started = perf_counter()
    vector = embedder.embed(embedder.pixels(picture)[np.newaxis])[0]
    embed_ms = milliseconds_since(started)
    query = Query(
        id=query_id,
        embedder=embedder.identity,
        vector=vector,
        preview=encode_image(picture, longest_side=PREVIEW_SIDE) if keep_preview else b"",
        decode_ms=decode_ms,
        embed_ms=embed_ms,
    )
    return _remember(query)


def query_by_product(pk: int, embedder: Embedder) -> Query:
    """The query of an active product's own vector. Raises UnknownQuery, NotSearchable."""
    products = Product.objects.filter(pk=pk, active=True)
    image = products.values_list("image", flat=True).first()
    if image is None:
        raise UnknownQuery(f"There is no product {pk}.")
    if not image:
        raise NotSearchable("This product has no picture.")
    ready = products.searchable(embedder.identity)
    data = ready.values_list("embedding", flat=True).first()
    try:
        vector = from_bytes(data or b"", embedder.dim)
    except InvalidVector as error:
        raise NotSearchable(
            "This product's picture has not been read yet. Try again soon."
        ) from error
    return Query(f"{PRODUCT_PREFIX}{pk}", embedder.identity, vector, product=pk)


def query_by_id(query_id: str, embedder: Embedder) -> Query:
    """A query that was asked of this embedder within the last hour, or a product's.

    Raises UnknownQuery, NotSearchable.
    """
    pk = query_id.removeprefix(PRODUCT_PREFIX)
    if pk != query_id and pk.isdecimal() and len(pk) < 19:
        return query_by_product(int(pk), embedder)
    query = _recall(query_id) if PHOTO_ID.match(query_id) else None
    if query is None or query.embedder != embedder.identity:
        raise UnknownQuery("This search is too long ago. Please give the picture again.")
    return query


def _photo_id(data: bytes, embedder: Embedder, crop: Crop | None) -> str:
    """The same for the same photo. Who can name it may see it, and only we can derive it."""
    what = f"{embedder.identity} {crop} {sha256(data).hexdigest()}"
    digest = salted_hmac("search.queries", what, algorithm="sha256").digest()
    return urlsafe_b64encode(digest[:12]).decode()


def milliseconds_since(started: float) -> float:
    """How long ago `perf_counter()` said `started`, to a hundredth."""
    return round(1000 * (perf_counter() - started), 2)


def _remember(query: Query) -> Query:
    """Keep the query, as one that costs nothing the next time.

    An answer that can't be asked for again is better than none: trouble with the cache is logged.
    """
    again = replace(query, decode_ms=0.0, embed_ms=0.0)
    try:
        cache.set(CACHE_PREFIX + query.id, again, LIFETIME)
    except CACHE_TROUBLE:
        logger.exception("A query could not be kept.")
    return query


def _recall(query_id: str) -> Query | None:
    try:
        found = cache.get(CACHE_PREFIX + query_id)
    except CACHE_TROUBLE:
        logger.exception("A query could not be read back.")
        return None
    return found if isinstance(found, Query) else None


def _cropped(picture: Image.Image, crop: Crop) -> Image.Image:
    x, y, width, height = crop
    left = min(round(x * picture.width), picture.width - 1)
    top = min(round(y * picture.height), picture.height - 1)
    right, bottom = round((x + width) * picture.width), round((y + height) * picture.height)
    return picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
