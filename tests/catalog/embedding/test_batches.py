from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile

from catalog.embedders.runtime import Embedder
from catalog.embedding.batches import embed_pictures
from catalog.embedding.claims import PictureOutcome
from catalog.models import EmbeddingStatus, Product
from catalog.pictures.gate import open_image
from catalog.vectors import from_bytes
from tests.conftest import MakeProduct, Picture


def vector_of(product: Product, embedder: Embedder) -> np.ndarray:
    """The vector that the product's picture must have, computed on its own."""
    with product.image.open() as file:
        picture = open_image(file.read(), at_least=embedder.detail)
    return embedder.embed(embedder.pixels(picture)[np.newaxis])[0]


@pytest.fixture
def pending(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Seven products whose pictures wait."""
    products = [make_product(image=picture(seed)) for seed in range(7)]
    Product.objects.update(embedding_status=EmbeddingStatus.PENDING, embedding=None, embedder="")
    return products


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_gives_every_picture_its_own_vector(
    pending: list[Product], embedder: Embedder, batch_size: int
) -> None:
    outcomes = list(embed_pictures(Product.objects.all(), embedder, batch_size=batch_size))
    assert outcomes == [PictureOutcome(product.pk, "ready") for product in pending]
    for product in pending:
        product.refresh_from_db()
        stored = from_bytes(product.embedding, embedder.dim)
        assert stored @ vector_of(product, embedder) > 0.99999


def test_one_bad_picture_fails_alone(pending: list[Product], embedder: Embedder) -> None:
    Path(pending[2].image.path).write_bytes(b"not a picture")
    Path(pending[4].image.path).unlink()
    outcomes = list(embed_pictures(Product.objects.all(), embedder, batch_size=3))
    assert [outcome.status for outcome in outcomes] == [
        *("ready", "ready", "failed", "ready", "failed", "ready", "ready")
    ]
    pending[4].refresh_from_db()
    assert pending[4].embedding_status == EmbeddingStatus.FAILED
    assert pending[4].embedding_error == "The picture's file is missing from the storage."


class Meanwhile:
    """An embedder that lets something happen while it works."""

    def __init__(self, embedder: Embedder, happens: Callable[[], object]) -> None:
        self._embedder, self._happens = embedder, happens
        self.identity, self.detail = embedder.identity, embedder.detail
        self.pixels = embedder.pixels

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        self._happens()
        return self._embedder.embed(pixels)


def test_vector_of_a_picture_replaced_meanwhile_is_void(
    pending: list[Product], embedder: Embedder, picture: Picture
) -> None:
    def replace() -> None:
        product = Product.objects.get(pk=pending[0].pk)
        product.image = ContentFile(picture(99), "new.jpg")
        product.save()

    first: Any = Product.objects.filter(pk=pending[0].pk)
    assert list(embed_pictures(first, Meanwhile(embedder, replace))) == [  # type: ignore[arg-type]
        PictureOutcome(pending[0].pk, "void")
    ]
    assert first.get().embedding_status == EmbeddingStatus.PENDING


def test_vector_of_a_product_deleted_meanwhile_is_void(
    pending: list[Product], embedder: Embedder
) -> None:
    first: Any = Product.objects.filter(pk=pending[0].pk)
    outcomes = embed_pictures(first, Meanwhile(embedder, first.delete))  # type: ignore[arg-type]
    assert [outcome.status for outcome in outcomes] == ["void"]
    assert Product.objects.count() == 6


def test_picture_without_any_response_fails_with_a_sentence(
    pending: list[Product], embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedder, "embed", lambda pixels: np.zeros((len(pixels), 1280), "f4"))
    outcomes = list(embed_pictures(Product.objects.all(), embedder))
    assert {outcome.reason for outcome in outcomes} == {
        "The network gave no usable vector for this picture."
    }


def test_stopping_half_way_keeps_what_was_done(pending: list[Product], embedder: Embedder) -> None:
    running = embed_pictures(Product.objects.all(), embedder, batch_size=2)
    next(running)
    running.close()
    ready = Product.objects.searchable(embedder.identity)
    assert ready.count() == 2
    rest = list(embed_pictures(Product.objects.unembedded(embedder.identity), embedder))
    assert len(rest) == 5
