from datetime import timedelta
from secrets import token_hex
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.timezone import localdate

from catalog.models import Product
from catalog.vectors import from_bytes, to_bytes
from search.demand import records
from search.demand.board import groups
from search.demand.models import Salt, Searched
from search.demand.records import forget_old
from search.tasks import forget_demand
from tests.conftest import MakeProduct, Picture
from tests.search.vectors import units


@pytest.fixture
def mugs(make_product: MakeProduct, picture: Picture) -> list[Product]:
    return [make_product(f"Mug {seed}", image=picture(seed)) for seed in range(3)]


@pytest.fixture(autouse=True)
def kept_for_a_week(settings: Any) -> None:
    settings.DEMAND_DAYS = 7


def search(client: Client, data: bytes, *, at: str = "127.0.0.1", **fields: Any) -> Any:
    photo = SimpleUploadedFile("my secret name.jpg", data)
    return client.post("/api/search/", {"file": photo, **fields}, REMOTE_ADDR=at).json()


def searched(
    vector: np.ndarray,
    embedder: str,
    *,
    best: float = 0.4,
    days_ago: int = 0,
    photo: str | None = None,
    client: str | None = None,
) -> Searched:
    """A search with another photo and by another client, unless they are given."""
    return Searched.objects.create(
        embedder=embedder,
        vector=to_bytes(vector),
        best=best,
        day=localdate() - timedelta(days=days_ago),
        photo=token_hex(8) if photo is None else photo,
        client=token_hex(8) if client is None else client,
    )


def near(middle: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    noise = np.random.default_rng(seed).normal(scale=0.01, size=(count, len(middle)))
    return list(units(middle + noise))


def test_keeps_the_vector_and_what_was_found(
    mugs: list[Product], client: Client, picture: Picture
) -> None:
    answer = search(client, picture(1))
    kept = Searched.objects.get()
    assert kept.embedder == answer["query"]["embedder"]
    assert kept.best == pytest.approx(answer["results"][0]["score"])
    stored = Product.objects.values_list("embedding", flat=True).get(pk=mugs[1].pk)
    assert from_bytes(kept.vector, 1280) @ from_bytes(stored, 1280) == pytest.approx(1, abs=1e-3)
    assert kept.day == localdate()


def test_keeps_a_photo_once_however_it_is_asked_again(
    mugs: list[Product], client: Client, picture: Picture
) -> None:
    answer = search(client, picture(1))
    search(client, picture(1))
    client.get("/api/search/", {"query": answer["query"]["id"], "threshold": 0.1})
    client.get("/", {"query": answer["query"]["id"]})
    assert Searched.objects.count() == 1


def test_tells_photos_and_clients_of_a_day_apart_by_codes(
    mugs: list[Product], client: Client, picture: Picture
) -> None:
    for at in ("203.0.113.7", "203.0.113.8"):
        for seed in (1, 2):
            for crop in ("0,0,1,1", "0,0,0.5,0.5"):
                search(client, picture(seed), at=at, crop=crop)
    kept = Searched.objects.all()
    assert kept.count() == 8
    assert len({row.client for row in kept}) == 2
    assert len({row.photo for row in kept}) == 4, "a photo has another code for each client"
    assert "203.0.113" not in str(Searched.objects.values())


def test_codes_of_another_day_are_others_and_the_secret_behind_them_is_gone(db: None) -> None:
    today, yesterday = localdate(), localdate() - timedelta(days=1)
    before = Salt.of(yesterday).code("203.0.113.7")
    assert Salt.of(yesterday).code("203.0.113.7") == before
    assert Salt.of(today).code("203.0.113.7") != before
    assert [salt.day for salt in Salt.objects.all()] == [today]


def test_one_client_can_neither_fill_the_table_nor_replace_what_others_searched_for(
    mugs: list[Product], client: Client, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_PER_CLIENT", 2)
    monkeypatch.setattr(records, "MAX_KEPT", 3)
    for at in ("203.0.113.7", "203.0.113.8", "203.0.113.9"):
        for seed in range(4):
            search(client, picture(seed), at=at)
    clients = list(Searched.objects.order_by("pk").values_list("client", flat=True))
    assert len(clients) == 3
    assert clients[0] != clients[1] == clients[2]


def test_keeps_searches_of_the_page(mugs: list[Product], client: Client, picture: Picture) -> None:
    photo = SimpleUploadedFile("photo.jpg", picture(1))
    client.post("/", {"file": photo, "threshold": "0.7"}, follow=True)
    assert Searched.objects.count() == 1


def test_keeps_nothing_that_says_little_of_the_catalog(
    mugs: list[Product], client: Client, picture: Picture
) -> None:
    search(client, picture(1), category="Cups")
    search(client, picture(1), max_price=1)
    search(client, picture(1), more=mugs[0].pk)
    client.get(f"/api/products/{mugs[0].pk}/similar/")
    assert not Searched.objects.exists()


def test_keeps_nothing_unless_it_is_wanted(
    mugs: list[Product], client: Client, picture: Picture, settings: Any
) -> None:
    settings.DEMAND_DAYS = 0
    search(client, picture(1))
    assert not Searched.objects.exists()


def test_says_what_is_kept(client: Client, db: None, settings: Any) -> None:
    assert "are kept for 7 days" in client.get("/").content.decode()
    settings.DEMAND_DAYS = 0
    assert "are kept for" not in client.get("/").content.decode()


def test_groups_what_is_alike_the_largest_first() -> None:
    one, other, lonely = np.eye(1280, dtype=np.float32)[:3]
    vectors = np.stack([*near(one, 3, 0), *near(other, 5, 1), lonely])
    found = list(groups(vectors, alike=0.7, min_size=2))
    assert [group.members.tolist() for group in found] == [[3, 4, 5, 6, 7], [0, 1, 2]]
    assert [group.centre in group.members for group in found] == [True, True]


def test_groups_each_vector_once_and_near_its_middle() -> None:
    rows = units(np.random.default_rng(0).normal(size=(200, 4)))
    found = list(groups(rows, alike=0.8, min_size=1))
    assert sorted(np.concatenate([group.members for group in found])) == list(range(200))
    for group in found:
        assert (rows[group.members] @ rows[group.centre] >= 0.8).all()
    sizes = [len(group.members) for group in found]
    assert sizes == sorted(sizes, reverse=True)


def test_board_shows_what_was_looked_for_in_vain(mugs: list[Product], admin_client: Client) -> None:
    embedder = mugs[0].embedder
    one, other = np.eye(1280, dtype=np.float32)[:2]
    for number, vector in enumerate(near(one, 4, 0)):
        searched(vector, embedder, best=0.3 + number / 100, days_ago=number)
    for vector in near(other, 2, 1):
        searched(vector, embedder)
    for vector in near(other, 4, 2):
        searched(vector, embedder, best=0.9)
        searched(vector, "another-network")
    response = admin_client.get("/admin/demand/")
    board = response.context["board"]
    assert (board.searches, board.unmet, board.met_percent) == (10, 6, 40)
    (wish,) = board.wishes
    assert (wish.searches, wish.last) == (4, localdate())
    assert wish.best == pytest.approx(0.315)
    assert len(wish.closest) == 3
    assert "4 similar searches" in response.content.decode()


@pytest.mark.parametrize("same", ["photo", "client"])
def test_board_does_not_show_what_one_shopper_searched_for(
    mugs: list[Product], admin_client: Client, same: str
) -> None:
    one, other = np.eye(1280, dtype=np.float32)[:2]
    for number, vector in enumerate(near(one, 6, 0)):
        codes = {"photo": f"{number % 2}", "client": f"{number}"} | {same: f"{number % 2}"}
        searched(vector, mugs[0].embedder, **codes)
    for vector in near(other, 3, 1):
        searched(vector, mugs[0].embedder)
    (wish,) = admin_client.get("/admin/demand/").context["board"].wishes
    assert wish.searches == 3


def test_board_has_a_page_for_an_empty_catalog(admin_client: Client, embedder: Any) -> None:
    for vector in near(np.eye(1280, dtype=np.float32)[0], 3, 0):
        searched(vector, embedder.identity)
    assert "build_embeddings" in admin_client.get("/admin/demand/").content.decode()


def test_board_that_is_off_says_how_to_switch_it_on(admin_client: Client, settings: Any) -> None:
    settings.DEMAND_DAYS = 0
    assert "set DEMAND_DAYS" in admin_client.get("/admin/demand/").content.decode()


def test_forgets_what_is_older_than_promised(db: None, settings: Any) -> None:
    vector = np.eye(1280, dtype=np.float32)[0]
    for days in (0, 6, 7, 30):
        searched(vector, "network", days_ago=days)
    Salt.of(localdate() - timedelta(days=1))
    forget_demand()
    assert Searched.objects.count() == 2
    assert not Salt.objects.exists()
    settings.DEMAND_DAYS = 0
    assert forget_old() == 2


def test_staff_can_have_all_forgotten(admin_client: Client, client: Client) -> None:
    searched(np.eye(1280, dtype=np.float32)[0], "network")
    assert client.post("/admin/demand/").status_code == 302
    assert Searched.objects.exists()
    page = admin_client.post("/admin/demand/", follow=True).content.decode()
    assert "1 search was deleted." in page
    assert not Searched.objects.exists()
