"""What is done in the shop, and what is found there: called in a process that has its settings."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.utils import timezone

from catalog.models import Category, EmbeddingStatus, Product
from catalog.pictures.gate import open_image
from catalog.pictures.stored import NewPicture, sha256
from catalog.serving import serving_embedder
from catalog.tasks import batched_messages, embed
from catalog.vectors import from_bytes
from tests.conftest import jpeg
from visualsearch.logs import REQUEST_ID

State = tuple[str, str]  # status, reason


def stored_digest(seed: int) -> str:
    """The digest under which the picture of a seed is stored."""
    return sha256(NewPicture(jpeg(seed)).read())


def stock(seeds: Iterable[int]) -> float:
    """Create a product with a picture for each seed, its SKU; how many seconds that took."""
    category, _ = Category.objects.get_or_create(name="Home")
    pictures = {seed: ContentFile(jpeg(seed), "photo.jpg") for seed in seeds}
    started = monotonic()
    with batched_messages(), transaction.atomic():
        for seed, picture in pictures.items():
            product = Product(sku=str(seed), name=f"Mug {seed}", category=category, price="9.99")
            product.image = picture
            product.save()
    return monotonic() - started


def replace(sku: int, seed: int) -> None:
    """Give a product the picture of another seed."""
    product = Product.objects.get(sku=sku)
    product.image = ContentFile(jpeg(seed), "photo.jpg")
    product.save()


def delete(sku: int) -> None:
    Product.objects.get(sku=sku).delete()


def deliver_again(times: int) -> None:
    """Send the message that asks for all pictures so many times more."""
    ids = list(Product.objects.values_list("pk", flat=True))
    for _ in range(times):
        embed.delay("catalog.Product", ids)


def request(request_id: str) -> None:
    """Ask for all pictures, as a request of this id does."""
    token = REQUEST_ID.set(request_id)
    deliver_again(1)
    REQUEST_ID.reset(token)


def path(sku: int) -> Path:
    """Where a product's picture is stored."""
    return Path(Product.objects.get(sku=sku).image.path)


def end_pause(sku: int) -> None:
    """As if the time until the picture's next attempt had passed."""
    Product.objects.filter(sku=sku).update(embedding_due_at=timezone.now())


def keep_claims() -> None:
    """Make the claims on all pictures last longer than any test."""
    Product.objects.update(embedding_due_at=timezone.now() + timedelta(hours=1))


def states() -> dict[str, State]:
    rows = Product.objects.values_list("sku", "embedding_status", "embedding_error")
    return {sku: (status, reason) for sku, status, reason in rows}


def clear() -> None:
    Product.objects.all().delete()


def complaints(gone: Collection[int] = (), *, ask_for: int = 20) -> list[str]:
    """What is not as it should be, among the products and in what search finds.

    `gone` are seeds of pictures that must not be found. For some pictures search itself is asked.
    """
    waiting = Product.objects.filter(embedding_status=EmbeddingStatus.PENDING)
    if waiting.exists():  # the rest takes its time
        return [f"{product.sku} is pending: {product.embedding_error}" for product in waiting]
    products = list(Product.objects.defer(None))
    wrong = [text for product in products if (text := _complaint(product))]
    if wrong:
        return wrong
    ready = [product for product in products if product.embedding_status == EmbeddingStatus.READY]
    for product in ready[:ask_for]:
        with product.image.open() as file:
            answer = _search(file.read())
        if [found["sku"] for found in answer["results"]] != [product.sku]:
            wrong.append(f"{product.sku} is not found by its own picture: {answer['results']}")
        if answer["index"]["products"] != len(ready):
            wrong.append(f"the index has {answer['index']['products']}, not {len(ready)}")
    wrong += [f"{seed} is still found" for seed in gone if _search(jpeg(seed))["results"]]
    return wrong


def _complaint(product: Product) -> str:
    if product.embedding_status == EmbeddingStatus.FAILED:
        return "" if product.embedding_error else f"{product.sku} failed and does not say why"
    if product.embedding_status != EmbeddingStatus.READY:
        return f"{product.sku} is {product.embedding_status}"
    if product.embedding_digest != sha256(Path(product.image.path).read_bytes()):
        return f"{product.sku} has the vector of another picture"
    embedder = serving_embedder()
    vector = from_bytes(product.embedding, embedder.dim)
    cosine = float(vector @ _expected(product.image.path))
    return "" if cosine > 0.99999 else f"{product.sku} has a wrong vector: cosine {cosine}"


@cache
def _expected(stored: str) -> np.ndarray:
    embedder = serving_embedder()
    picture = open_image(Path(stored).read_bytes(), at_least=embedder.detail)
    vector: np.ndarray = embedder.embed(embedder.pixels(picture)[np.newaxis])[0]
    return vector


def _search(picture: bytes) -> Any:
    photo = ContentFile(picture, "photo.jpg")
    data = {"file": photo, "threshold": "0.9999"}
    return Client(SERVER_NAME="localhost").post("/api/search/", data).json()
