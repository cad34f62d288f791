from dataclasses import replace
from io import BytesIO
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from catalog.embedders.runtime import Embedder
from catalog.models import Product
from search.explain import explain, laid, likeness_of_colours
from search.queries import photo_cache
from search.queries.query import WHOLE, Seen
from tests.conftest import MakeProduct, Picture


def seen(embedder: Embedder, picture: Image.Image) -> Seen:
    return Seen(embedder.pixels(picture), WHOLE, picture.size)


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def plain(colour: str) -> np.ndarray:
    return np.asarray(Image.new("RGB", (224, 224), colour))


def test_regions_of_either_picture_add_up_to_the_cosine(
    embedder: Embedder, picture: Picture
) -> None:
    one, other = (seen(embedder, opened(picture(seed))) for seed in (1, 2))
    explanation = explain(one, other, embedder)
    first, second = embedder.embed(np.stack([one.pixels, other.pixels]))
    assert explanation.first.shape == explanation.second.shape == (7, 7)
    for regions in (explanation.first, explanation.second):
        assert regions.sum() == pytest.approx(first @ second, abs=1e-5)


def test_the_half_that_both_pictures_have_adds_more(embedder: Embedder, picture: Picture) -> None:
    one, other = (opened(picture(seed)) for seed in (1, 2))
    other.paste(one.crop((0, 0, 160, 280)), (0, 0))
    explanation = explain(seen(embedder, one), seen(embedder, other), embedder)
    for regions in (explanation.first, explanation.second):
        assert regions[:, :3].sum() > 1.2 * regions[:, 4:].sum()


def test_regions_of_both_squares_lie_where_they_are_in_the_picture() -> None:
    parts = np.zeros((2, 7, 7), np.float32)
    parts[0, :, 0] = 1 / 7  # at the left of the centre square
    wide = laid(parts, (280, 140))
    assert wide[:, 1:3].sum() == pytest.approx(1, abs=1e-6)
    assert wide[:, 1].sum() == pytest.approx(0.5, abs=1e-6)
    parts = np.zeros((2, 7, 7), np.float32)
    parts[1, 0] = 1 / 7  # above the picture, in the square around it
    assert laid(parts, (280, 140))[0] == pytest.approx(np.full(7, 1 / 7), abs=1e-6)
    both = np.random.default_rng(0).random((2, 7, 7), np.float32)
    assert laid(both, (100, 100)) == pytest.approx(both.sum(axis=0), abs=1e-6)
    assert laid(both, (100, 313)).sum() == pytest.approx(both.sum(), abs=1e-4)


def test_picture_in_other_colours_keeps_its_look(embedder: Embedder, picture: Picture) -> None:
    one = seen(embedder, opened(picture(1)))
    greys = [Image.fromarray(square).convert("L").convert("RGB") for square in one.pixels]
    explanation = explain(one, replace(one, pixels=np.stack(greys)), embedder)
    assert explanation.look > 0.99 > explanation.first.sum()
    assert explanation.colour < 0.5


def test_picture_without_any_response_explains_nothing(embedder: Embedder) -> None:
    class Blind:
        regions = staticmethod(lambda both: np.zeros((len(both), 2, 7, 7, 1280), np.float32))
        embed = staticmethod(embedder.embed)

    red = seen(embedder, Image.new("RGB", (224, 224), "red"))
    explanation = explain(red, red, Blind())  # type: ignore[arg-type]
    assert not explanation.first.any()


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ("#c03030", "#c03030", 1, 1),
        ("#c03030", "#c43434", 0.7, 1),
        ("#757575", "#7a7a7a", 0.45, 1),
        ("#c03030", "#3030c0", 0, 0.01),
        ("white", "black", 0, 0.01),
    ],
)
def test_colours_are_alike_as_people_see_them(
    one: str, other: str, low: float, high: float
) -> None:
    assert low - 1e-9 <= likeness_of_colours(plain(one), plain(other)) <= high + 1e-9


@pytest.fixture
def mugs(make_product: MakeProduct, picture: Picture) -> list[Product]:
    return [make_product(f"Mug {seed}", image=picture(seed)) for seed in range(3)]


def ask(client: Client, data: bytes, **fields: Any) -> Any:
    photo = SimpleUploadedFile("photo.jpg", data)
    return client.post("/api/search/", {"file": photo, "threshold": 0, **fields}).json()


def why(client: Client, query: str, product: int, **fields: Any) -> tuple[int, Any]:
    response = client.get(f"/api/search/{query}/explain/{product}/", fields)
    return response.status_code, response.json()


def test_tells_why_a_photo_found_a_product(
    mugs: list[Product], client: Client, picture: Picture
) -> None:
    answer = ask(client, picture(0))
    match = answer["results"][1]
    status, reasons = why(client, answer["query"]["id"], match["id"])
    assert status == 200
    assert reasons["score"] == match["score"]
    assert 0 <= reasons["colour"] <= 1
    assert -1 <= reasons["look"] <= 1
    for side in ("query", "product"):
        assert np.shape(reasons[side]["regions"]) == (7, 7)
        assert np.sum(reasons[side]["regions"]) == pytest.approx(match["score"], abs=1e-3)
    assert reasons["query"]["frame"] == [0, 0, 1, 1]
    assert reasons["product"]["image_src"] == match["image_src"]
    assert reasons["query"]["image_src"].startswith("data:image/jpeg;base64,")


def test_tells_why_a_crop_found_it(mugs: list[Product], client: Client, picture: Picture) -> None:
    answer = ask(client, picture(0), crop="0.5,0,0.5,1")
    match = answer["results"][0]
    _, reasons = why(client, answer["query"]["id"], match["id"], crop="0.5,0,0.5,1")
    assert reasons["score"] == match["score"]
    assert reasons["query"]["frame"] == [0.5, 0, 0.5, 1]


def test_tells_why_a_product_found_another(mugs: list[Product], client: Client) -> None:
    _, reasons = why(client, f"product-{mugs[0].pk}", mugs[1].pk)
    assert reasons["query"]["image_src"] == f"http://testserver{mugs[0].image.url}"
    assert np.sum(reasons["query"]["regions"]) == pytest.approx(reasons["score"], abs=1e-3)


def test_asks_no_more_of_the_database_for_many_products(
    mugs: list[Product], client: Client, django_assert_max_num_queries: Any
) -> None:
    why(client, f"product-{mugs[0].pk}", mugs[1].pk)
    with django_assert_max_num_queries(8):
        why(client, f"product-{mugs[0].pk}", mugs[1].pk)


def test_what_can_not_be_explained_gets_a_sentence(
    mugs: list[Product], client: Client, picture: Picture
) -> None:
    query = ask(client, picture(0))["query"]["id"]
    assert why(client, query, 10**6) == (404, {"detail": NOT_FOUND})
    assert why(client, query, 10**30)[0] == 404
    assert why(client, "product-1000000", mugs[0].pk)[0] == 400
    assert "x,y,width,height" in why(client, query, mugs[0].pk, crop="1")[1]["crop"][0]
    product = f"product-{mugs[0].pk}"
    assert "Only a photo" in why(client, product, mugs[0].pk, crop="0,0,1,1")[1]["crop"][0]
    Product.objects.filter(pk=mugs[0].pk).update(active=False)
    assert why(client, query, mugs[0].pk)[0] == 404
    Path(mugs[1].image.path).unlink()
    assert why(client, query, mugs[1].pk) == (404, {"detail": "The product's picture is gone."})
    photo_cache.store().sweep(inf)
    assert "has expired" in why(client, query, mugs[2].pk)[1]["query"][0]


NOT_FOUND = "This product is not among those that can be found."
