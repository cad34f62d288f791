from math import inf
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.models import Product
from catalog.vectors import from_bytes
from search.queries import photo_cache
from search.queries.steering import moved
from tests.catalog.local_servers import hosts, http, running_servers
from tests.conftest import MakeProduct, Picture

HALF = "0.5,0,0.5,1"


@pytest.fixture
def mugs(make_product: MakeProduct, picture: Picture) -> list[Product]:
    return [make_product(f"Mug {seed}", image=picture(seed)) for seed in range(6)]


def post(client: Client, data: bytes, **fields: Any) -> Any:
    photo = SimpleUploadedFile("photo.jpg", data)
    return client.post("/api/search/", {"file": photo, "threshold": 0, **fields}).json()


def get(client: Client, **fields: Any) -> Any:
    return client.get("/api/search/", {"threshold": 0, **fields}).json()


def vector(product: Product) -> np.ndarray:
    stored = Product.objects.values_list("embedding", flat=True).get(pk=product.pk)
    return from_bytes(stored, 1280)


def test_thumbs_move_the_search(mugs: list[Product], client: Client) -> None:
    asked, up, down = mugs[0], mugs[1], mugs[2]
    query = f"product-{asked.pk}"
    answer = get(client, query=query, more=up.pk, less=f"{down.pk},{mugs[3].pk}")
    assert answer["query"]["more"] == [up.pk]
    assert answer["query"]["less"] == [down.pk, mugs[3].pk]
    expected = moved(vector(asked), [vector(up)], [vector(down), vector(mugs[3])])
    scores = {match["id"]: match["score"] for match in answer["results"]}
    for mug in mugs[1:]:
        assert scores[mug.pk] == pytest.approx(vector(mug) @ expected, abs=1e-5)
    assert get(client, query=query)["query"]["more"] == [], "it is undone by leaving it out"


def test_thumbs_move_every_kind_of_search(
    mugs: list[Product], client: Client, picture: Picture
) -> None:
    posted = post(client, picture(0), more=mugs[1].pk)
    again = get(client, query=posted["query"]["id"], more=mugs[1].pk)
    similar = client.get(f"/api/products/{mugs[0].pk}/similar/?threshold=0&more={mugs[1].pk}")
    assert posted["results"] == again["results"]
    for answer in (posted, again, similar.json()):
        assert answer["query"]["more"] == [mugs[1].pk]
    page = client.get(f"/?query={posted['query']['id']}&threshold=0&more={mugs[1].pk}")
    shown = [match.product.pk for match in page.context["answer"].matches]
    assert shown == [match["id"] for match in posted["results"]]


@pytest.mark.parametrize("name", ["more", "less"])
@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ("1000000", "There is no product 1000000 that can be searched."),
        ("9999999999999999999", "ids of products separated by commas"),
        ("0", "ids of products separated by commas"),
        ("-1", "ids of products separated by commas"),
        ("1,", "ids of products separated by commas"),
        ("mug", "ids of products separated by commas"),
        ("\u0661", "ids of products separated by commas"),
        (",".join(map(str, range(1, 22))), "at most 20 products"),
    ],
)
def test_thumbs_that_lead_nowhere_get_a_sentence(
    mugs: list[Product], client: Client, name: str, ids: str, sentence: str
) -> None:
    errors = get(client, query=f"product-{mugs[0].pk}", **{name: ids})
    assert sentence in errors[name][0]


def test_product_without_a_vector_can_not_be_pointed_at(
    mugs: list[Product], make_product: MakeProduct, client: Client
) -> None:
    bare, hidden = make_product("Bare"), mugs[1]
    Product.objects.filter(pk=hidden.pk).update(active=False)
    for product in (bare, hidden):
        errors = get(client, query=f"product-{mugs[0].pk}", more=product.pk)
        assert errors == {"more": [f"There is no product {product.pk} that can be searched."]}


def test_photo_is_cropped_without_a_second_upload(
    mugs: list[Product], client: Client, picture: Picture
) -> None:
    whole = post(client, picture(0))["query"]["id"]
    cropped = get(client, query=whole, crop=HALF)
    assert cropped["query"]["id"] == whole
    assert cropped["query"]["crop"] == [0.5, 0, 0.5, 1]
    assert cropped["timings_ms"]["embed"] > 0
    assert cropped["results"] == post(client, picture(0), crop=HALF)["results"]
    again = get(client, query=whole, crop=HALF, page=2, limit=2)
    assert (again["timings_ms"]["decode"], again["timings_ms"]["embed"]) == (0, 0)
    reset = get(client, query=whole)
    assert reset["query"]["crop"] is None
    assert reset["timings_ms"]["embed"] == 0


def test_page_keeps_crop_and_thumbs_in_its_address(
    mugs: list[Product], client: Client, picture: Picture
) -> None:
    photo = SimpleUploadedFile("photo.jpg", picture(0))
    fields = {"file": photo, "threshold": "0", "crop": HALF, "more": str(mugs[1].pk)}
    response = client.post("/", fields, follow=True)
    assert response.redirect_chain[0][0].endswith(f"&crop=0.5%2C0%2C0.5%2C1&more={mugs[1].pk}")
    query = response.context["answer"].query
    assert (query.crop, query.more) == ((0.5, 0.0, 0.5, 1.0), (mugs[1].pk,))
    assert response.context["photo"].url.startswith("data:image/jpeg;base64,/9j/")


def test_crop_gets_a_sentence_once_the_photo_is_gone(
    mugs: list[Product], client: Client, picture: Picture
) -> None:
    query = post(client, picture(0))["query"]["id"]
    photo_cache.keep(f"picture:{query}", b"", client="", expires=0)
    assert get(client, query=query)["count"] == 6, "its vector is still there"
    errors = get(client, query=query, crop=HALF)
    assert errors == {"query": ["This search has expired. Please give the picture again."]}


def test_product_can_not_be_cropped(mugs: list[Product], client: Client) -> None:
    errors = get(client, query=f"product-{mugs[0].pk}", crop=HALF)
    assert errors == {"crop": ["Only a photo can be cropped."]}


def test_address_is_fetched_once_in_a_while(
    mugs: list[Product], client: Client, picture: Picture, settings: Any
) -> None:
    with running_servers() as serve:
        server = serve(http(picture(2)))
        settings.FETCH_ALLOWED_HOSTS = hosts([server])
        asked = {"image_url": server.url, "threshold": 0}
        first = client.post("/api/search/", asked).json()
        again = client.post("/api/search/", asked).json()
        part = client.post("/api/search/", asked | {"crop": HALF}).json()
        once = server.connections
        photo_cache.store().sweep(inf)
        client.post("/api/search/", asked)
    assert (once, server.connections) == (1, 2)
    assert again["query"] == first["query"]
    assert (again["timings_ms"]["decode"], again["timings_ms"]["embed"]) == (0, 0)
    assert part["query"]["crop"] == [0.5, 0, 0.5, 1]
    assert part["results"] != first["results"]


def test_no_database_queries_are_added_by_a_crop_and_one_by_a_thumb(
    mugs: list[Product], client: Client, picture: Picture, django_assert_max_num_queries: Any
) -> None:
    query = post(client, picture(0))["query"]["id"]
    with django_assert_max_num_queries(7) as plain:
        get(client, query=query)
    with django_assert_max_num_queries(len(plain)):
        get(client, query=query, crop=HALF)
    with django_assert_max_num_queries(len(plain) + 1):
        get(client, query=query, more=f"{mugs[1].pk},{mugs[2].pk}")
