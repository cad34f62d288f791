"""Turns a photo, a product or the id of an earlier query into a unit vector to search with."""

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from time import perf_counter

import numpy as np
from django.utils.crypto import salted_hmac
from numpy.typing import NDArray

from catalog.embedders.preprocessing import to_pixels, within_margins
from catalog.embedders.runtime import Embedder
from catalog.messages import sentence
from catalog.models import Product
from catalog.pictures.gate import (
    ImageLimits,
    encode_image,
    open_image,
    opening_time,
    without_metadata,
)
from catalog.pictures.slots import DECODING
from catalog.pictures.stored import image_limits
from catalog.vectors import InvalidVector, from_bytes
from search.metrics import milliseconds
from search.queries import photo_cache

Crop = tuple[float, float, float, float]  # x, y, width, height as fractions of the upright picture

WHOLE: Crop = (0.0, 0.0, 1.0, 1.0)
MIN_CROP = 0.01  # share of a side; a smaller part is not decoded in more detail
MAX_TWICE = 0.7  # seconds that opening a photo takes which is decoded twice
KEPT_BYTES = 600_000  # of a kept photo
KEPT_PIXELS = 4_000_000
KEPT_SIDE = 1000  # pixels that its shorter side keeps, so that half of it is still sharp
KEPT_SCANS = 20  # of a JPEG, because decoding each takes time; encoders write ten
JPEG_SCAN = b"\xff\xda"
PREVIEW_SIDE = 400  # pixels of the longer side of the copy shown beside the results

PHOTO_ID = re.compile(r"[\w-]{16}\Z", re.ASCII)
PHOTO_ID_SALT = "search.queries"
PRODUCT_ID = re.compile(r"product-([0-9]{1,18})\Z")
FRAME_BYTES = 4 * 8  # a vector is kept behind its frame, which is four doubles


class UnknownQuery(Exception):
    """The photo was never searched with here, or too long ago, or the product is gone."""


class NotSearchable(Exception):
    """The product has no vector of this embedder; the message says why."""


class NotCroppable(Exception):
    """Only a photo can be cropped; this query is a product."""


@dataclass(frozen=True)
class Seen:
    """What a network sees of a picture."""

    pixels: NDArray[np.uint8]  # (2, input_size, input_size, 3), its centre and the whole
    frame: Crop  # the picture, or the cropped part of it, without margins
    size: tuple[int, int]  # width and height of the frame in pixels


@dataclass(frozen=True)
class Query:
    """What is searched for."""

    id: str  # of the whole photo, or of the product
    embedder: str  # identity
    vector: NDArray[np.float32]  # (dim,), unit length
    crop: Crop | None = None  # the part of the photo that was asked for
    frame: Crop = WHOLE  # the part that the network saw
    more: tuple[int, ...] = ()  # ids of products that the vector was moved towards
    less: tuple[int, ...] = ()  # and away from
    product: int | None = None  # id of the product, where the query is one
    decode_ms: float = 0.0
    embed_ms: float = 0.0


def query_by_photo(
    data: bytes, embedder: Embedder, *, crop: Crop | None = None, client: str = ""
) -> Query:
    """The query of a photo's bytes; a copy of the photo and the vector are kept for an hour.

    A photo that this client searched with before, with the same crop, is not embedded again. For
    another client it is, and gets another id: otherwise a quick answer would tell anybody who has
    the photo that somebody else searched with it. Raises InvalidImage, Busy.
    """
    # Not the digest itself: whoever knows an id may see the photo.
    digest = sha256(data).hexdigest()
    query_id = urlsafe_b64encode(
        salted_hmac(PHOTO_ID_SALT, f"{client} {digest}", algorithm="sha256").digest()[:12]
    ).decode()
    query = _kept_query(query_id, embedder, crop)
    before = photo_cache.kept(f"picture:{query_id}")
    copy = before.data if before else b""
    if query is None or not copy:
        with DECODING.one(client):
            copy = copy or _copy_to_keep(data)
            if query is None:
                # Decoded once more, a heavy photo would cost more than a request may. Its copy is
                # looked at instead, also for a crop; see `_copy_to_keep` for what that changes.
                is_heavy = opening_time(data, limits=image_limits()) > MAX_TWICE
                query = look(query_id, copy if is_heavy else data, embedder, crop)
    expires = photo_cache.keep(f"picture:{query_id}", copy, client=client)
    return _keep_query(query, client, expires)


def query_by_id(
    query_id: str, embedder: Embedder, *, crop: Crop | None = None, client: str = ""
) -> Query:
    """The query of a photo that was searched with in the last hour, or of a product.

    Raises UnknownQuery, NotSearchable, NotCroppable, Busy.
    """
    if product := PRODUCT_ID.match(query_id):
        if crop:
            raise NotCroppable(sentence("Only a photo can be cropped."))
        return query_by_product(int(product[1]), embedder)
    if PHOTO_ID.match(query_id) and (query := _kept_query(query_id, embedder, crop)):
        return query
    photo = kept_photo(query_id)
    with DECODING.one(client):
        query = look(query_id, photo.data, embedder, crop)
    return _keep_query(query, client, photo.expires)


def query_by_product(pk: int, embedder: Embedder) -> Query:
    """The query of an active product's own vector. Raises UnknownQuery, NotSearchable."""
    products = Product.objects.filter(pk=pk, active=True)
    image = products.values_list("image", flat=True).first()
    if image is None:
        raise UnknownQuery(sentence("There is no product %(id)s.", id=pk))
    if not image:
        raise NotSearchable(sentence("This product has no picture."))
    ready = products.searchable(embedder.identity)
    data = ready.values_list("embedding", flat=True).first()
    try:
        vector = from_bytes(data or b"", embedder.dim)
    except InvalidVector as error:
        raise NotSearchable(
            sentence("This product's picture has not been read yet. Try again soon.")
        ) from error
    return Query(f"product-{pk}", embedder.identity, vector, product=pk)


def look(query_id: str, data: bytes, embedder: Embedder, crop: Crop | None = None) -> Query:
    """The query of a photo's bytes; nothing is read from the cache or kept. Raises InvalidImage."""
    started = perf_counter()
    seen = see(data, embedder, crop)
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


def see(data: bytes, embedder: Embedder, crop: Crop | None = None) -> Seen:
    """What the embedder sees of a picture, or of a part of it; a part is decoded in more detail.

    Raises InvalidImage.
    """
    x, y, width, height = crop or WHOLE
    at_least = ceil(embedder.detail / max(min(width, height), MIN_CROP))
    picture = open_image(data, limits=image_limits(), at_least=at_least)
    if crop:
        left = min(round(x * picture.width), picture.width - 1)
        top = min(round(y * picture.height), picture.height - 1)
        right = max(round((x + width) * picture.width), left + 1)
        bottom = max(round((y + height) * picture.height), top + 1)
        picture = picture.crop((left, top, right, bottom))
    left, top, right, bottom = box = within_margins(picture)
    across, down = width / picture.width, height / picture.height
    size = right - left, bottom - top
    frame = x + across * left, y + down * top, across * size[0], down * size[1]
    return Seen(to_pixels(picture.crop(box), embedder.input_size), frame, size)


def kept_photo(query_id: str) -> photo_cache.Kept:
    """The copy of a query's photo, which is quick to decode. Raises UnknownQuery."""
    photo = photo_cache.kept(f"picture:{query_id}") if PHOTO_ID.match(query_id) else None
    if photo is None:
        raise UnknownQuery(sentence("This search has expired. Please give the picture again."))
    return photo


def preview_of(query_id: str, *, client: str = "") -> bytes:
    """A photo as a small JPEG without metadata, b"" once it is no longer kept. Raises Busy."""
    key = f"picture:{query_id}:preview"
    if before := photo_cache.kept(key):
        return before.data
    try:
        photo = kept_photo(query_id)
    except UnknownQuery:
        return b""
    with DECODING.one(client):
        picture = open_image(photo.data, limits=image_limits(), at_least=PREVIEW_SIDE)
        preview = encode_image(picture, longest_side=PREVIEW_SIDE)
    photo_cache.keep(key, preview, client=client, expires=photo.expires)
    return preview


def _copy_to_keep(data: bytes) -> bytes:
    """A copy of a photo without metadata, bounded in pixels and bytes.

    A small photo keeps its pixels as they are coded. A larger one is only halved, because scaling
    to a given size moves the vector of the whole further (cosine 0.994 instead of 0.9996). It is
    decoded apart from what is embedded: halving this decoded copy again moves the vector so far
    (cosine 0.9988) that a product's own picture would no longer score 100%. Of a heavy photo the
    network sees this copy (cosine 0.996 or more).
    """
    plain = without_metadata(data, limits=ImageLimits(bytes=KEPT_BYTES, pixels=KEPT_PIXELS))
    if plain and plain.count(JPEG_SCAN) <= KEPT_SCANS:
        return plain
    picture = open_image(data, limits=image_limits(), at_least=KEPT_SIDE)
    while picture.width * picture.height > KEPT_PIXELS:
        picture = picture.reduce(2)
    quality = 90
    while len(copy := encode_image(picture, quality=quality)) > KEPT_BYTES:
        if quality > 60:  # which costs a crop less than fewer pixels do
            quality -= 15
        else:
            picture = picture.reduce(2)
    return copy


def _vector_key(query_id: str, identity: str, crop: Crop | None) -> str:
    part = ",".join(map(repr, crop)) if crop else "whole"
    return f"vector:{query_id}:{identity}:{part}"


def _keep_query(query: Query, client: str, expires: float) -> Query:
    key = _vector_key(query.id, query.embedder, query.crop)
    data = np.array(query.frame).tobytes() + query.vector.tobytes()
    photo_cache.keep(key, data, client=client, expires=expires)
    return query


def _kept_query(query_id: str, embedder: Embedder, crop: Crop | None) -> Query | None:
    before = photo_cache.kept(_vector_key(query_id, embedder.identity, crop))
    if before is None:
        return None
    data = before.data
    try:
        vector = from_bytes(data[FRAME_BYTES:], embedder.dim)
    except InvalidVector:
        return None
    x, y, width, height = np.frombuffer(data[:FRAME_BYTES]).tolist()
    return Query(query_id, embedder.identity, vector, crop, (x, y, width, height))
