from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from threading import Barrier
from time import monotonic
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from search.api.intake import FETCHING
from search.queries.query import DECODING, Busy, Slots
from tests.conftest import MakeProduct, Picture
from tests.search.api.test_search import Post, post
from visualsearch import gunicorn

__all__ = ["post"]


def test_lets_as_many_in_as_there_are_slots() -> None:
    slots, together = Slots(3, patience=100), Barrier(3)

    def work(_: int) -> None:
        with slots.one():
            together.wait(100)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [None] * 6


def test_next_one_waits_until_a_slot_is_free() -> None:
    slots = Slots(1, patience=100)
    with ThreadPoolExecutor(1) as pool:
        with slots.one():
            waiting = pool.submit(lambda: slots.one().__enter__())
            assert not waiting.done()
        assert waiting.result(100) is None


def test_patience_has_an_end() -> None:
    slots, started = Slots(1, patience=0.2), monotonic()
    with slots.one(), pytest.raises(Busy, match="Please try again in a few seconds"), slots.one():
        pass
    assert monotonic() - started >= 0.2


def test_slot_is_free_again_after_an_error() -> None:
    slots = Slots(1, patience=0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), slots.one():
            raise ZeroDivisionError
    with slots.one():
        pass


@contextmanager
def taken(slots: Slots, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """All slots taken, and nobody patient; yields how many there are."""
    monkeypatch.setattr(slots, "patience", 0)
    number = 0
    with ExitStack() as held:
        with suppress(Busy):
            while True:
                held.enter_context(slots.one())
                number += 1
        yield number


@pytest.mark.parametrize("slots", [DECODING, FETCHING], ids=["decoding", "fetching"])
def test_search_without_a_slot_gets_503_and_when_to_come_back(
    slots: Slots,
    make_product: MakeProduct,
    picture: Picture,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    post: Post,
) -> None:
    make_product(image=picture(0))

    def fields() -> dict[str, Any]:
        if slots is FETCHING:
            return {"image_url": "http://127.0.0.1/"}
        return {"file": SimpleUploadedFile("photo.jpg", picture(0))}

    with taken(slots, monkeypatch):
        status, errors = post(**fields())
        page = client.post("/", fields())
    assert (status, page.status_code) == (503, 503)
    assert errors["detail"].startswith("Too many are searching just now.")
    assert "Too many are searching just now." in page.content.decode()
    assert post(**fields())[0] != 503


def test_fetching_leaves_most_threads_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with taken(FETCHING, monkeypatch) as number:
        assert gunicorn.threads == 4 * number
