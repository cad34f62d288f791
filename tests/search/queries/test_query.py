from io import BytesIO
from math import inf
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog.embedders.runtime import Embedder
from search.queries import photo_cache
from search.queries.query import (
    KEPT_SIDE,
    Query,
    UnknownQuery,
    kept_photo,
    preview_of,
    query_by_id,
    query_by_photo,
)
from tests.conftest import Picture

HALF = (0.0, 0.0, 0.5, 1.0)


@pytest.fixture
def first(embedder: Embedder, picture: Picture) -> Query:
    return query_by_photo(picture(1), embedder)


def test_same_photo_is_not_looked_at_again(
    first: Query, embedder: Embedder, picture: Picture
) -> None:
    again = query_by_photo(picture(1), embedder)
    assert first.embed_ms > 0
    assert (again.decode_ms, again.embed_ms) == (0, 0)
    assert again.id == first.id
    assert np.array_equal(again.vector, first.vector)


def test_another_photo_is(first: Query, embedder: Embedder, picture: Picture) -> None:
    other = query_by_photo(picture(2), embedder)
    assert other.embed_ms > 0
    assert other.id != first.id


def test_crop_of_a_kept_photo_is_the_crop_of_the_photo(
    first: Query, embedder: Embedder, picture: Picture
) -> None:
    crop = query_by_id(first.id, embedder, crop=HALF)
    assert (crop.id, crop.crop) == (first.id, HALF)
    assert crop.embed_ms > 0
    assert crop.vector @ first.vector < 0.99
    again = query_by_photo(picture(1), embedder, crop=HALF)
    assert again.embed_ms == 0
    assert np.array_equal(again.vector, crop.vector)
    known = query_by_id(first.id, embedder, crop=HALF)
    assert known.embed_ms == 0


def test_crop_looks_as_closely_as_the_photo_allows(embedder: Embedder) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 1600, 3), dtype=np.uint8)
    tile = Image.fromarray(noise[:300, :300])
    photo = Image.fromarray(noise)
    whole, part = BytesIO(), BytesIO()
    photo.save(whole, "PNG")
    tile.save(part, "PNG")
    crop = query_by_photo(whole.getvalue(), embedder, crop=(0, 0, 300 / 1600, 300 / 900))
    assert crop.vector @ query_by_photo(part.getvalue(), embedder).vector > 0.9999


def test_large_photo_is_kept_smaller_and_without_metadata(embedder: Embedder) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 2400, 3), dtype=np.uint8)
    exif, photo = Image.Exif(), BytesIO()
    exif[0x010E] = "Where I live"
    Image.fromarray(noise).save(photo, "JPEG", quality=90, exif=exif)
    assert len(photo.getvalue()) > 1_000_000
    kept = kept_photo(query_by_photo(photo.getvalue(), embedder).id).data
    assert max(Image.open(BytesIO(kept)).size) <= KEPT_SIDE
    assert b"Where I live" in photo.getvalue()
    assert b"Where I live" not in kept


def test_preview_is_small_and_made_once(first: Query) -> None:
    preview = preview_of(first.id)
    assert Image.open(BytesIO(preview)).size == (320, 280)
    photo_cache.keep(f"picture:{first.id}", b"", client="", expires=0)
    assert preview_of(first.id) == preview
    photo_cache.store().sweep(inf)
    assert preview_of(first.id) == b""


@pytest.mark.parametrize("crop", [None, HALF])
def test_photo_that_is_no_longer_kept_can_not_be_looked_at(
    first: Query, embedder: Embedder, crop: Any
) -> None:
    photo_cache.store().sweep(inf)
    with pytest.raises(UnknownQuery, match="give the picture again"):
        query_by_id(first.id, embedder, crop=crop)


def test_vector_that_was_dropped_is_computed_from_the_photo(
    first: Query, embedder: Embedder
) -> None:
    photo_cache.keep(f"vector:{first.id}:{embedder.identity}:whole", b"", client="", expires=0)
    again = query_by_id(first.id, embedder)
    assert again.embed_ms > 0
    assert np.array_equal(again.vector, first.vector)


def test_nobody_else_can_derive_the_id_of_a_photo(
    first: Query, embedder: Embedder, picture: Picture, settings: Any
) -> None:
    settings.SECRET_KEY = "another"
    assert query_by_photo(picture(1), embedder).id != first.id
