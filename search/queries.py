"""From what a shopper gave to a unit vector, and the cache that remembers it for a while."""

import re
import secrets
from base64 import b64encode
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from django.core.cache import cache
from numpy.typing import NDArray
from PIL import Image

from catalog.embedders.runtime import Embedder
from catalog.images import encode_image, open_image
from catalog.models import Product
from catalog.vectors import from_bytes

LIFETIME = 60 * 60  # seconds that a query can be asked again
PREVIEW_SIDE = 400  # pixels of the query picture that is kept to be shown beside the results
CACHE_PREFIX = "query:"
PRODUCT_PREFIX = "product-"
PHOTO_ID = re.compile(r"[\w-]{16}\Z", re.ASCII)
DETAIL = 2  # a picture is decoded at no less than so many times the network's input

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

    Raises InvalidImage.
    """
    started = perf_counter()
    picture = open_image(data, at_least=DETAIL * embedder.input_size if crop is None else None)
    if crop is not None:
        picture = _cropped(picture, crop)
    decode_ms = milliseconds_since(started)
    started = perf_counter()
    vector = embedder.embed(embedder.pixels(picture)[np.newaxis])[0]
    embed_ms = milliseconds_since(started)
    query = Query(
        id=secrets.token_urlsafe(12),  # who can name it may see it
        embedder=embedder.identity,
        vector=vector,
        preview=encode_image(picture, longest_side=PREVIEW_SIDE) if keep_preview else b"",
        decode_ms=decode_ms,
        embed_ms=embed_ms,
    )
    return _remember(query)


def query_by_product(pk: int, identity: str) -> Query:
    """The query of an active product's own vector. Raises UnknownQuery, NotSearchable."""
    products = Product.objects.filter(pk=pk, active=True)
    if not products.exists():
        raise UnknownQuery(f"There is no product {pk}.")
    data = products.searchable(identity).values_list("embedding", flat=True).first()
    if data is None:
        raise NotSearchable("This product's picture has not been read yet. Try again soon.")
    vector = from_bytes(data, len(data) // 4)
    return Query(f"{PRODUCT_PREFIX}{pk}", identity, vector, product=pk)


def query_by_id(query_id: str, identity: str) -> Query:
    """A query that was asked of this embedder within the last hour, or a product's.

    Raises UnknownQuery, NotSearchable.
    """
    pk = query_id.removeprefix(PRODUCT_PREFIX)
    if pk != query_id and pk.isdecimal() and len(pk) < 19:
        return query_by_product(int(pk), identity)
    query: Query | None = cache.get(CACHE_PREFIX + query_id) if PHOTO_ID.match(query_id) else None
    if query is None or query.embedder != identity:
        raise UnknownQuery("This search is too long ago. Please give the picture again.")
    return query


def milliseconds_since(started: float) -> float:
    """How long ago `perf_counter()` said `started`, to a hundredth."""
    return round(1000 * (perf_counter() - started), 2)


def _remember(query: Query) -> Query:
    """Keep the query, as one that costs nothing the next time."""
    cache.set(CACHE_PREFIX + query.id, replace(query, decode_ms=0.0, embed_ms=0.0), LIFETIME)
    return query


def _cropped(picture: Image.Image, crop: Crop) -> Image.Image:
    x, y, width, height = crop
    left, top = round(x * picture.width), round(y * picture.height)
    right, bottom = round((x + width) * picture.width), round((y + height) * picture.height)
    return picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
