"""What happens to the products of a shop while it is measured; called in a process of it."""

from io import BytesIO
from time import monotonic

import numpy as np
from PIL import Image

BASE = 200  # products that stay as they are, each found by its own photo


def photo(number: int) -> bytes:
    """A photo of its own kind."""
    chance = np.random.default_rng(number)
    coarse = Image.fromarray(chance.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    output = BytesIO()
    coarse.resize((640, 480), Image.Resampling.BICUBIC).save(output, "JPEG", quality=90)
    return output.getvalue()


def save(sku: str, number: int) -> float:
    """Create a product that looks like this photo; when, by the clock that all processes share."""
    from django.core.files.base import ContentFile

    from catalog.models import Category, Product

    category, _ = Category.objects.get_or_create(name=f"Category {number % 7}")
    product = Product(sku=sku, name=f"Product {sku}", category=category, price=number % 100)
    product.image = ContentFile(photo(number), "photo.jpg")
    product.save()
    return monotonic()


def stock() -> None:
    """Create the base."""
    for number in range(BASE):
        save(f"base-{number}", number)


def delete(sku: str) -> None:
    """Take a product from the catalog."""
    from catalog.models import Product

    Product.objects.get(sku=sku).delete()


def hide(sku: str) -> None:
    """Take a product from what shoppers see."""
    from catalog.models import Product

    product = Product.objects.get(sku=sku)
    product.active = False
    product.save()


def waiting() -> int:
    """How many pictures wait for a worker."""
    from catalog.embedding.progress import measure_queue

    return measure_queue().waiting
