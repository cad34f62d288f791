from io import BytesIO
from math import inf
from time import time
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from catalog.embedders.runtime import Embedder
from catalog.pictures.gate import encode_image, open_image
from catalog.pictures.stored import NewPicture
from search.queries import photo_cache
from search.queries.query import (
    KEPT_BYTES,
    KEPT_PIXELS,
    Query,
    UnknownQuery,
    kept_photo,
    look,
    preview_of,
    query_by_id,
    query_by_photo,
)
from tests.conftest import Picture, jpeg

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


def test_photo_is_kept_as_it_is_coded_but_without_metadata(embedder: Embedder) -> None:
    exif, photo = Image.Exif(), BytesIO()
    exif[ExifTags.Base.ImageDescription] = "Where I live"
    exif[ExifTags.Base.Orientation] = 6
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photo, "JPEG", exif=exif, comment="Where I live")
    kept = kept_photo(query_by_photo(photo.getvalue(), embedder).id).data
    assert photo.getvalue().count(b"Where I live") == 2
    assert b"Where I live" not in kept
    assert np.array_equal(open_image(kept), open_image(photo.getvalue()))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "GIF"])
def test_large_photo_is_kept_smaller_and_without_metadata(embedder: Embedder, name: str) -> None:
    """A flat one has few bytes and many pixels, which would be decoded again for each crop."""
    exif, photo = Image.Exif(), BytesIO()
    exif[ExifTags.Base.ImageDescription] = "Where I live"
    flat = Image.new("RGB", (2100, 2000), "teal")
    noisy = Image.effect_noise((2400, 2000), 50).convert("RGB")
    picture = noisy if name == "JPEG" else flat
    picture.save(photo, name, exif=exif, speed=10)
    kept = kept_photo(query_by_photo(photo.getvalue(), embedder).id).data
    assert len(kept) <= KEPT_BYTES
    assert np.prod(Image.open(BytesIO(kept)).size) <= KEPT_PIXELS
    assert b"Where I live" not in kept


def test_small_photo_of_many_scans_is_kept_as_one_that_decodes_quickly(embedder: Embedder) -> None:
    photo = BytesIO()
    Image.effect_noise((1000, 1000), 50).save(photo, "JPEG", progressive=True)
    scans = photo.getvalue().split(b"\xff\xda")
    data = b"\xff\xda".join([*scans[:-1], *scans[-1:] * 30])
    kept = kept_photo(query_by_photo(data, embedder).id).data
    assert kept.count(b"\xff\xda") == 1


def test_crop_of_a_large_photo_is_nearly_the_crop_of_its_copy(embedder: Embedder) -> None:
    photo = np.asarray(Image.open(BytesIO(jpeg(3, (600, 800)))))
    large = Image.fromarray(np.tile(photo, (4, 4, 1)))
    data = encode_image(large)
    assert np.prod(large.size) > KEPT_PIXELS
    query = query_by_photo(data, embedder)
    for crop in ((0.0, 0.0, 0.25, 0.25), (0.3, 0.4, 0.5, 0.5)):
        exact = look("", data, embedder, crop)
        assert query_by_id(query.id, embedder, crop=crop).vector @ exact.vector > 0.995


def test_heavy_photo_is_decoded_once_and_finds_the_product_that_it_became(
    embedder: Embedder,
) -> None:
    photo = BytesIO()
    Image.open(BytesIO(jpeg(3, (4_000, 3_000)))).save(photo, "WEBP", method=0)
    query = query_by_photo(photo.getvalue(), embedder)
    copy = kept_photo(query.id).data
    assert np.array_equal(query.vector, look("", copy, embedder).vector)
    product = NewPicture(photo.getvalue()).read()
    assert query.vector @ look("", product, embedder).vector > 0.995


def test_photo_that_decodes_quickly_is_looked_at_itself(embedder: Embedder) -> None:
    data = jpeg(3, (2_400, 2_000))
    query = query_by_photo(data, embedder)
    assert len(kept_photo(query.id).data) != len(data)
    assert np.array_equal(query.vector, look("", data, embedder).vector)


def test_preview_is_small_and_made_once(first: Query) -> None:
    preview = preview_of(first.id)
    assert Image.open(BytesIO(preview)).size == (320, 280)
    photo_cache.keep(f"picture:{first.id}", b"", client="", expires=0)
    assert preview_of(first.id) == preview
    photo_cache.store().sweep(inf)
    assert preview_of(first.id) == b""


def test_preview_and_crops_do_not_outlive_the_photo(
    first: Query, embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time()
    monkeypatch.setattr(photo_cache, "time", lambda: now + photo_cache.QUERY_SECONDS - 60)
    assert preview_of(first.id)
    assert query_by_id(first.id, embedder, crop=HALF)
    monkeypatch.setattr(photo_cache, "time", lambda: now + photo_cache.QUERY_SECONDS + 60)
    assert preview_of(first.id) == b""
    for crop in (None, HALF):
        with pytest.raises(UnknownQuery):
            query_by_id(first.id, embedder, crop=crop)


def test_nobody_can_tell_that_somebody_else_searched_with_the_same_photo(
    first: Query, embedder: Embedder, picture: Picture
) -> None:
    other = query_by_photo(picture(1), embedder, client="203.0.113.7")
    assert other.id != first.id
    assert other.decode_ms > 0
    assert other.embed_ms > 0
    assert np.array_equal(other.vector, first.vector)


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
