import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client

from catalog.models import Product
from catalog.serving import serving_embedder
from search.catalog_map import maps
from search.catalog_map.maps import load_map
from search.tasks import draw_map
from tests.conftest import MakeProduct, Picture


@pytest.fixture
def mugs(make_product: MakeProduct, picture: Picture) -> list[Product]:
    return [
        make_product(f"Mug {seed}", category=("Mugs", "Cups")[seed % 2], image=picture(seed))
        for seed in range(8)
    ]


@pytest.fixture
def drawn(mugs: list[Product], capsys: Any) -> list[Product]:
    call_command("build_embeddings")
    assert "map" in capsys.readouterr().out
    return mugs


def test_map_has_a_place_for_every_product(drawn: list[Product], client: Client) -> None:
    answer = client.get("/api/map/").json()
    assert (answer["total"], answer["shown"]) == (8, 8)
    assert answer["categories"] == ["Cups", "Mugs"]
    assert [point[0] for point in answer["points"]] == [product.pk for product in drawn]
    for pk, x, y, category in answer["points"]:
        assert 0 <= x <= 1
        assert 0 <= y <= 1
        assert answer["categories"][category] == Product.objects.get(pk=pk).category.name
    places = np.array(answer["points"])[:, 1:3]
    assert np.ptp(places, axis=0).max() == pytest.approx(1)


def test_map_is_sent_once(drawn: list[Product], client: Client) -> None:
    first = client.get("/api/map/")
    again = client.get("/api/map/", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    drawn[0].delete()
    changed = client.get("/api/map/", headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200


def test_what_was_hidden_or_deleted_is_not_on_it(
    drawn: list[Product], client: Client, django_assert_num_queries: Any
) -> None:
    drawn[0].delete()
    Product.objects.filter(pk=drawn[1].pk).update(active=False)
    with django_assert_num_queries(1):
        answer = client.get("/api/map/").json()
    assert answer["shown"] == 6
    assert {point[0] for point in answer["points"]} == {product.pk for product in drawn[2:]}


@pytest.mark.django_db
def test_shop_without_a_map_gets_503_and_the_command(client: Client) -> None:
    response = client.get("/api/map/")
    assert response.status_code == 503
    assert response.json()["detail"].endswith("Run: python manage.py build_embeddings")


def saved(**arrays: Any) -> bytes:
    whole = {
        "generation": 5,
        "identity": "x",
        "total": 2,
        "products": [1, 2],
        "places": [[0, 1]] * 2,
    }
    output = BytesIO()
    np.savez(output, **(whole | arrays))
    return output.getvalue()


DAMAGED = (
    b"",
    bytes(1000),
    b"PK\x03\x04 torn",
    saved()[:-1],
    saved().replace(b"products", b"produces"),
    saved().replace(b"NUMPY", b"NUMPI"),
    saved(generation=[1, 2]),
    saved(places=[[0, 1]]),
    saved(products=[], places=np.empty((0, 2))),
    saved(places=[[0, np.nan]] * 2),
    b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<i8', 'fortran_order': False, 'shape': (), }",
)


def test_damaged_map_counts_as_none_and_is_drawn_again(
    drawn: list[Product], client: Client, settings: Any
) -> None:
    file = Path(settings.INDEX_DIR) / "map.npz"
    for damaged in DAMAGED:
        file.write_bytes(damaged)
        assert client.get("/api/map/").status_code == 503, damaged
        draw_map()  # as a worker does
        assert client.get("/api/map/").json()["shown"] == 8
    file.write_bytes(b"")
    call_command("build_embeddings")
    assert client.get("/api/map/").json()["shown"] == 8


def test_map_is_drawn_again_only_for_another_catalog(drawn: list[Product], capsys: Any) -> None:
    before = load_map()
    call_command("build_embeddings")
    assert "map" not in capsys.readouterr().out
    assert load_map() is before
    drawn[0].delete()
    call_command("build_embeddings")
    after = load_map()
    assert before is not None
    assert after is not None
    assert (len(before.products), len(after.products)) == (8, 7)


def test_worker_draws_it_once_an_hour(drawn: list[Product], settings: Any) -> None:
    file = Path(settings.INDEX_DIR) / "map.npz"
    drawn[0].delete()
    draw_map()
    assert len(np.load(file)["products"]) == 8
    os.utime(file, (0, 0))
    draw_map()
    assert len(np.load(file)["products"]) == 7
    file.unlink()
    draw_map()
    assert file.exists()


def test_large_catalog_is_laid_out_in_part_and_shown_in_part(
    drawn: list[Product], monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(maps, "MAX_LANDMARKS", 5)
    monkeypatch.setattr(maps, "MAX_PRODUCTS", 6)
    drawn[0].delete()
    drawn[1].name = "Another"
    drawn[1].save()  # one that is read from the database, and not from the snapshot
    embedder = serving_embedder()
    assert maps.draw_map(embedder.identity, embedder.dim)
    answer = client.get("/api/map/").json()
    assert (answer["total"], answer["shown"]) == (7, 6)


def test_products_that_stay_keep_their_places(
    drawn: list[Product], make_product: MakeProduct, picture: Picture
) -> None:
    before = load_map()
    make_product(image=picture(50))
    call_command("build_embeddings")
    after = load_map()
    assert before is not None
    assert after is not None
    assert len(after.products) == 9
    moved = np.linalg.norm(after.places[:8] - before.places, axis=1)
    assert np.median(moved) < 0.2 * np.ptp(before.places, axis=0).max()
