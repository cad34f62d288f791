from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.pictures.slots import DECODING, Slots
from search.api.intake import FETCHING
from tests.conftest import MakeProduct, Picture
from tests.crowds import crowd
from visualsearch import gunicorn

OWN, OTHERS = "Earlier requests are still being", "The shop is very busy just now."


@pytest.mark.parametrize(
    ("holders", "refusal"), [("others", (503, OTHERS)), ("127.0.0.1", (429, OWN))]
)
@pytest.mark.parametrize("slots", [DECODING, FETCHING], ids=["decoding", "fetching"])
def test_search_without_a_slot_is_told_why_and_when_to_come_back(
    slots: Slots,
    holders: str,
    refusal: tuple[int, str],
    make_product: MakeProduct,
    picture: Picture,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_product(image=picture(0))
    monkeypatch.setattr(slots, "patience", 0.1)

    def post(path: str) -> Any:
        if slots is FETCHING:
            return client.post(path, {"image_url": "http://127.0.0.1/"})
        return client.post(path, {"file": SimpleUploadedFile("photo.jpg", picture(0))})

    many = slots.number if holders == "others" else slots.per_client
    names = [f"{holders} {number}" if holders == "others" else holders for number in range(many)]
    with crowd(slots, *names):
        answers = [post("/api/search/"), post("/")]
    for answer in answers:
        status, sentence = refusal
        assert (answer.status_code, answer["Retry-After"]) == (status, "5")
        assert sentence in answer.content.decode()
    assert post("/api/search/").status_code in (200, 400)


@pytest.mark.parametrize("slots", [DECODING, FETCHING], ids=["decoding", "fetching"])
def test_no_client_holds_all_slots(slots: Slots) -> None:
    with crowd(slots, *["a"] * slots.number, "b") as together:
        assert together.granted == ["a"] * slots.per_client + ["b"]


def test_slow_server_leaves_fetches_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FETCHING, "patience", 0.1)
    with crowd(FETCHING) as together:
        for number in range(FETCHING.number):
            together.claim(f"shopper {number}", "slow.example")
        together.claim("another", "fast.example")
        assert len(together.granted) == FETCHING.per_target + 1 < FETCHING.number


def test_fetching_leaves_most_threads_to_others() -> None:
    assert gunicorn.threads == 4 * FETCHING.number
