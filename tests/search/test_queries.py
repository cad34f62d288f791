from typing import Any

import numpy as np
import pytest

from catalog.embedders.runtime import Embedder
from search.queries import Query, query_by_photo
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


@pytest.mark.parametrize(("seed", "crop"), [(2, None), (1, HALF)], ids=["photo", "crop"])
def test_another_photo_or_crop_is(
    first: Query, embedder: Embedder, picture: Picture, seed: int, crop: Any
) -> None:
    other = query_by_photo(picture(seed), embedder, crop=crop)
    assert other.embed_ms > 0
    assert other.id != first.id


def test_preview_is_made_where_it_was_not_wanted_before(
    first: Query, embedder: Embedder, picture: Picture
) -> None:
    assert not first.preview
    shown = query_by_photo(picture(1), embedder, keep_preview=True)
    assert shown.preview
    assert query_by_photo(picture(1), embedder).preview == shown.preview


def test_nobody_else_can_derive_the_id_of_a_photo(
    first: Query, embedder: Embedder, picture: Picture, settings: Any
) -> None:
    settings.SECRET_KEY = "another"
    assert query_by_photo(picture(1), embedder).id != first.id
