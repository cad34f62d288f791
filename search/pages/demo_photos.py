"""Photos to try the demo catalog with. A shop with its own products shows none."""

import csv
from functools import cache
from pathlib import Path

from django.conf import settings

from catalog.models import Product

FIXTURES = Path(settings.BASE_DIR) / "fixtures"
MAX_SHOWN = 6


def demo_photos() -> list[str]:
    """The file names of some photos whose products are in this catalog."""
    photos = _photos()
    names = Product.objects.filter(active=True, name__in=photos).values_list("name", flat=True)
    found = sorted(photos[name] for name in set(names))
    return found[:: max(1, len(found) // MAX_SHOWN)][:MAX_SHOWN]  # spread over the categories


def demo_photo(name: str) -> Path | None:
    """The file of a demo photo, None if there is none of that name."""
    return FIXTURES / "queries" / name if name in _photos().values() else None


@cache
def _photos() -> dict[str, str]:
    """The photos' file names by product name. A file name begins with its product's id."""
    with (FIXTURES / "products.csv").open(encoding="utf-8") as file:
        names = {int(row["id"]): row["name"] for row in csv.DictReader(file)}
    photos = (path.name for path in (FIXTURES / "queries").glob("*.jpg"))
    return {names[int(photo.split("-")[0])]: photo for photo in photos}
