import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.models import Product
from catalog.pictures.slots import DECODING, STAFF, Slots
from tests.catalog.conftest import LIST, MUG, Send
from tests.conftest import MakeProduct, Picture
from tests.crowds import crowd
from tests.waiting import PATIENCE, until

OWN = "Earlier requests are still being worked on. Please try again in a few seconds."
OTHERS = "The shop is very busy just now. Please try again in a few seconds."


def slots_of(number: int, *, patience: float = PATIENCE, **limits: int) -> Slots:
    return Slots(number, patience=patience, **({"per_client": 1, "waiting": 8} | limits))


def test_lets_as_many_in_as_there_are_slots() -> None:
    with crowd(slots_of(3), "a", "b", "c", "d", "e") as together:
        assert together.granted == ["a", "b", "c"]


def test_leaves_slots_to_others_however_much_one_client_asks() -> None:
    with crowd(slots_of(2), "a", "a", "a", "a", "b") as together:
        assert together.granted == ["a", "b"]


def test_gives_a_client_more_slots_where_it_may_have_more() -> None:
    with crowd(slots_of(8, per_client=2), "a", "a", "a") as together:
        assert together.granted == ["a", "a"]


def test_lets_clients_take_turns() -> None:
    with crowd(slots_of(1), "a", "a", "a", "b", "b", "c") as together:
        for number in (0, 1, 3, 5, 2):
            together.leave(number)
        assert together.granted == ["a", "a", "b", "c", "a", "b"]


def test_refuses_further_claims_of_a_client_that_waits_often_enough() -> None:
    with crowd(slots_of(1, waiting=2), "a", "a", "a", "a", "b") as together:
        assert [(str(busy), busy.own) for busy in together.refused] == [(OWN, True)]
        assert together.granted == ["a"]
        together.leave(0)
        assert len(together.refused) == 1


def test_says_whose_requests_are_in_the_way() -> None:
    with crowd(slots_of(1, waiting=0), "a", "b", "a") as together:
        assert [str(busy) for busy in together.refused] == [OTHERS, OWN]


def test_limits_what_one_target_holds() -> None:
    with crowd(slots_of(8, per_target=2)) as together:
        for client in ("a", "b", "c"):
            together.claim(client, "slow.example")
        together.claim("d", "fast.example")
        assert together.granted == ["a", "b", "d"]
        together.leave(0)
        assert together.granted == ["a", "b", "d", "c"]


def test_patience_has_an_end() -> None:
    with crowd(slots_of(1, patience=0.1), "a", "b") as together:
        until(lambda: together.refused)
        assert [str(busy) for busy in together.refused] == [OTHERS]
        together.leave(0)
        together.claim("b")
        assert together.granted == ["a", "b"], "the slot is not lost to who gave up"


def test_slot_is_free_again_after_an_error() -> None:
    slots = slots_of(1, waiting=0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), slots.one("a"):
            raise ZeroDivisionError


def test_thread_that_has_a_slot_waits_for_no_second_one() -> None:
    slots = slots_of(1, waiting=0)
    with slots.one("a"), slots.one("b"):
        pass
    with slots.one("a"):
        pass


def test_forgets_clients_that_have_left() -> None:
    slots = slots_of(1, waiting=1)
    with crowd(slots, "a", "b", "b"):
        pass
    assert not slots.held
    assert not slots.queues


def test_uploads_of_staff_wait_for_a_slot(
    send: Send, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DECODING, "patience", 0.1)
    with crowd(DECODING, STAFF):
        assert send("POST", LIST, MUG | {"image": picture(1)}) == (429, {"detail": OWN})
    with crowd(DECODING, "a", "b"):
        assert send("POST", LIST, MUG | {"image": picture(1)}) == (503, {"detail": OTHERS})
    assert not Product.objects.exists()
    assert send("POST", LIST, MUG | {"image": picture(1)})[0] == 201


def test_refused_upload_says_when_to_come_back(
    staff: Client, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DECODING, "patience", 0.1)
    with crowd(DECODING, STAFF):
        refused = staff.post(LIST, MUG | {"image": SimpleUploadedFile("a.jpg", picture(1))})
    assert refused["Retry-After"] == "5"


def test_admin_form_waits_for_a_slot(
    admin_client: Client,
    make_product: MakeProduct,
    picture: Picture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DECODING, "patience", 0.1)
    path = f"/admin/catalog/product/{make_product().pk}/change/"
    fields = {"image": SimpleUploadedFile("a.jpg", picture(1))}
    with crowd(DECODING, STAFF):
        assert admin_client.get(path).status_code == 200
        refused = admin_client.post(path, fields)
    assert (refused.status_code, refused["Retry-After"]) == (429, "5")
    assert OWN in refused.content.decode()
