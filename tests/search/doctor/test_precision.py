"""A shop whose faults are known: what the doctor finds, what it misses, and what it makes up."""

from collections.abc import Callable, Iterator

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from catalog.models import Product
from search.doctor.models import Kind
from tests.conftest import MakeProduct
from tests.search.doctor.conftest import (
    DEMO,
    Examine,
    blurred,
    demo,
    encoded,
    open_findings,
    tiny,
)

CATEGORIES = ("Tops", "Shoes", "Bags", "Home", "Accessories")  # ten of the demo's products each


def cropped(picture: Image.Image, share: float) -> Image.Image:
    return ImageOps.crop(picture, round((1 - share) / 2 * min(picture.size)))


# Other photos of the same kind of thing, that no two of are the same picture.
VIEWS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "seen": lambda picture: picture,
    "turned": lambda picture: cropped(picture.rotate(20, Image.Resampling.BICUBIC), 0.75),
    "close": lambda picture: cropped(ImageOps.mirror(picture), 0.75),
}
# What is the same photo, however it was saved.
COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved again": lambda picture: picture,
    "halved": lambda picture: picture.reduce(2),
    "mirrored": ImageOps.mirror,
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
    "trimmed": lambda picture: cropped(picture, 0.95),
}


def placeholder() -> Image.Image:
    picture = Image.new("RGB", (600, 600), "#eceff1")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((180, 180, 420, 420), outline="#90a4ae", width=12)
    draw.text((215, 280), "No picture yet", fill="#607d8b", font_size=26)
    return picture


def products() -> Iterator[tuple[str, str, Image.Image]]:
    """Name, category, picture: 150 products, some of which have something wrong."""
    for number, path in enumerate(DEMO):
        category = CATEGORIES[number // 10]
        for view, change in VIEWS.items():
            name = f"{path.stem[3:].replace('-', ' ')} {view}"
            picture = change(demo(number))
            if view == "seen" and number % 10 == 3:
                yield f"{name}, blurred", category, blurred(picture)
            elif view == "seen" and number % 10 == 6:
                yield f"{name}, tiny", category, tiny(picture)
            elif view == "turned" and number % 10 == 8:
                wrong = CATEGORIES[(number // 10 + 1) % len(CATEGORIES)]
                yield f"{name}, misplaced", wrong, picture
            else:
                yield name, category, picture


@pytest.fixture
def shop(make_product: MakeProduct) -> dict[str, set[frozenset[str]]]:
    """What there is to be found, by kind."""
    truth: dict[str, set[frozenset[str]]] = {kind: set() for kind in Kind}
    words = {"blurred": Kind.BLURRED, "tiny": Kind.TINY, "misplaced": Kind.CATEGORY}
    for name, category, picture in products():
        make_product(name, category=category, image=encoded(picture))
        if kind := words.get(name.rpartition(", ")[2]):
            truth[kind].add(frozenset({name}))
    for number, (word, copy) in enumerate(COPIES.items()):
        twin = Product.objects.filter(category__name=CATEGORIES[number], name__endswith=" seen")[0]
        make_product(word, category=CATEGORIES[number], image=encoded(copy(demo(10 * number)), 80))
        truth[Kind.DUPLICATE].add(frozenset({word, twin.name}))
    for name, colour in (("Snow Globe", "#ffffff"), ("Night Lamp", "#101418")):
        make_product(name, category="Home", image=encoded(Image.new("RGB", (500, 400), colour)))
        truth[Kind.BLANK].add(frozenset({name}))
    names = ("Umbrella", "Teapot", "Bicycle Bell", "Garden Chair", "Wool Sock")
    for quality, name in enumerate(names, 80):
        make_product(name, category="New", image=encoded(placeholder(), quality))
    truth[Kind.PLACEHOLDER].add(frozenset(names))
    return truth


def test_finds_what_is_wrong_and_nothing_else(
    shop: dict[str, set[frozenset[str]]], look: Examine
) -> None:
    assert look().left == 0
    for kind, truth in shop.items():
        found = open_findings(kind)
        assert found <= truth, kind
        assert len(found) >= 0.8 * len(truth), (kind, truth - found)
