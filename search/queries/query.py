"""From what a shopper gave to a unit vector, computed once an hour at the most."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from time import perf_counter

import numpy as np
from django.utils.crypto import salted_hmac
from numpy.typing import NDArray

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from catalog.vectors import InvalidVector, from_bytes
from search.metrics import milliseconds
from search.queries import cache, photos
from search.queries.photos import Crop
from search.queries.steering import moved

PRODUCT_PREFIX = "product-"
ProductVectors = dict[int, NDArray[np.float32]]  # (dim,) each, by product id
FRAME_BYTES = 4 * 8  # before a vector that is remembered, where the network saw it
PHOTO_ID = re.compile(r"[\w-]{16}\Z", re.ASCII)


class UnknownQuery(Exception):
    """The query was never asked here, or too long ago, or its product is gone."""


class NotSearchable(Exception):
    """The product has no vector of this embedder; the message says so."""


class NotCroppable(Exception):
    """What is looked for is no photo."""


@dataclass(frozen=True)
class Query:
    """What is looked for."""

    id: str  # of the whole photo, or of the product
    embedder: str  # identity
    vector: NDArray[np.float32]  # (dim,), unit length
    crop: Crop | None = None  # the part of the photo
    frame: Crop = photos.WHOLE  # what the network saw of it
    more: tuple[int, ...] = ()  # ids of products that the vector was moved to
    less: tuple[int, ...] = ()  # and away from
    preview: bytes = b""  # a small JPEG of the whole photo, where it is to be shown
    product: int | None = None  # id of the product whose look-alikes are wanted
    decode_ms: float = 0.0
    embed_ms: float = 0.0

    @property
    def preview_url(self) -> str:
        """The preview as a data: URL, "" without one."""
        return f"data:image/jpeg;base64,{b64encode(self.preview).decode()}" if self.preview else ""


def query_by_photo(data: bytes, embedder: Embedder, *, crop: Crop | None = None) -> Query:
    """The query of a photo's bytes; both are remembered.

    The same photo, cropped alike, is not looked at again. Raises InvalidImage.
    """
    query_id = _photo_id(data)
    query = _recall(query_id, embedder, crop) or look(query_id, data, embedder, crop)
    cache.remember_photo(query_id, _to_keep(query_id, data))
    return _remember(query)  # for another while


def query_by_kept_photo(query_id: str, embedder: Embedder, *, crop: Crop | None = None) -> Query:
    """The query of a photo that was given within the last hour, or of a part of it.

    Raises UnknownQuery.
    """
    return _remember(look(query_id, kept_photo(query_id), embedder, crop))


def look(query_id: str, data: bytes, embedder: Embedder, crop: Crop | None = None) -> Query:
    """The query of a photo's bytes, of which nothing is remembered. Raises InvalidImage."""
    started = perf_counter()
    seen = photos.see(data, embedder, crop)
    decode_ms = milliseconds("decode", started)
    started = perf_counter()
    vector = embedder.embed(seen.pixels[np.newaxis])[0]
    return Query(
        id=query_id,
        embedder=embedder.identity,
        vector=vector,
        crop=crop,
        frame=seen.frame,
        decode_ms=decode_ms,
        embed_ms=milliseconds("embed", started),
    )


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


def query_by_id(query_id: str, embedder: Embedder, *, crop: Crop | None = None) -> Query | None:
    """A query that was asked within the last hour, or a product's.

    None where its photo has to be looked at: see `query_by_kept_photo`. Raises UnknownQuery,
    NotSearchable, NotCroppable.
    """
    pk = query_id.removeprefix(PRODUCT_PREFIX)
    if pk != query_id and pk.isdecimal() and len(pk) < 19:
        if crop:
            raise NotCroppable("Only a photo can be cropped.")
        return query_by_product(int(pk), embedder)
    return _recall(query_id, embedder, crop) if PHOTO_ID.match(query_id) else None


def product_vectors(ids: Sequence[int], embedder: Embedder) -> ProductVectors:
    """The vectors of these products' own pictures. Raises NotSearchable."""
    active = Product.objects.filter(pk__in=ids, active=True)
    stored = active.searchable(embedder.identity).values_list("pk", "embedding")
    found = {pk: data for pk, data in stored if data} if ids else {}
    vectors = {}
    for pk in ids:
        try:
            vectors[pk] = from_bytes(found.get(pk, b""), embedder.dim)
        except InvalidVector as error:
            raise NotSearchable(f"There is no product {pk} that can be searched.") from error
    return vectors


def steered(query: Query, more: ProductVectors, less: ProductVectors) -> Query:
    """The query moved to the looks of some products and away from those of others."""
    vector = moved(query.vector, list(more.values()), list(less.values()))
    return replace(query, vector=vector, more=tuple(more), less=tuple(less))


def with_preview(query: Query) -> Query:
    """The query of a photo with a small copy of it, if there is one already."""
    return replace(query, preview=cache.recall_photo(_preview_key(query.id)))


def make_preview(query_id: str) -> None:
    """Keep a small copy of a photo that was given within the last hour. Raises UnknownQuery."""
    cache.remember_photo(_preview_key(query_id), photos.preview(kept_photo(query_id)))


def kept_photo(query_id: str) -> bytes:
    """The photo that a query was about, or a smaller copy of a large one. Raises UnknownQuery."""
    data = cache.recall_photo(query_id) if PHOTO_ID.match(query_id) else b""
    if not data:
        raise UnknownQuery("This search is too long ago. Please give the picture again.")
    return data


def _to_keep(query_id: str, data: bytes) -> bytes:
    if len(data) <= photos.KEPT_BYTES:
        return data
    return cache.recall_photo(query_id) or photos.compact(data)


def _photo_id(data: bytes) -> str:
    """The same for the same photo. Who can name it may see it, and only we can derive it."""
    digest = salted_hmac("search.queries", sha256(data).hexdigest(), algorithm="sha256").digest()
    return urlsafe_b64encode(digest[:12]).decode()


def _preview_key(query_id: str) -> str:
    return f"{query_id}:preview"


def _key(query_id: str, identity: str, crop: Crop | None) -> str:
    part = ",".join(map(repr, crop)) if crop else "whole"
    return f"{query_id}:{identity}:{part}"


def _remember(query: Query) -> Query:
    data = np.array(query.frame).tobytes() + query.vector.tobytes()
    cache.remember_vector(_key(query.id, query.embedder, query.crop), data)
    return query


def _recall(query_id: str, embedder: Embedder, crop: Crop | None) -> Query | None:
    data = cache.recall_vector(_key(query_id, embedder.identity, crop))
    try:
        vector = from_bytes(data[FRAME_BYTES:], embedder.dim)
    except InvalidVector:
        return None
    x, y, width, height = np.frombuffer(data[:FRAME_BYTES]).tolist()
    return Query(query_id, embedder.identity, vector, crop, (x, y, width, height))
