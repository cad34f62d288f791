"""Clients that guess passwords, and shoppers at the same time."""

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from threading import Event
from time import monotonic

import requests

from tests.conftest import jpeg
from tests.server.servers import Gunicorn
from tests.waiting import PATIENCE
from visualsearch.front import SILENCE

GUESSERS = 48


def guess(server: Gunicorn, enough: Event) -> list[requests.Response]:
    """The answers to guesses of a client, which pauses after none of them."""
    answers = []
    with requests.Session() as session:
        page = f"{server.base}/admin/login/"
        session.get(page, timeout=PATIENCE)
        while not enough.is_set():
            fields = {"username": "owner", "password": "12345678"}
            fields["csrfmiddlewaretoken"] = session.cookies["csrftoken"]
            answers.append(session.post(page, fields, timeout=PATIENCE))
    return answers


def test_shoppers_are_answered_while_48_clients_guess_passwords(gunicorn: Gunicorn) -> None:
    enough = Event()
    with ThreadPoolExecutor(GUESSERS) as guessers:
        guesses = guessers.map(guess, repeat(gunicorn, GUESSERS), repeat(enough))
        for seed in range(6):
            started = monotonic()
            assert gunicorn.search(jpeg(seed)).status == 200
            assert requests.get(f"{gunicorn.base}/products/", timeout=PATIENCE).status_code == 200
            assert monotonic() - started < SILENCE
        enough.set()
        answers = [answer for client in guesses for answer in client]
    assert {answer.status_code for answer in answers} == {200, 429}
    told = {answer.headers["Retry-After"]: answer.text for answer in answers if not answer.ok}
    assert set(told) == {"5", "900"}
    assert "Very many people are logging in just now." in told["5"]
    assert "Too many logins have failed." in told["900"]
