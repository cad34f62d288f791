"""Clients that guess passwords, and shoppers at the same time."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import requests
from requests.adapters import HTTPAdapter

from tests.conftest import jpeg
from tests.server.servers import ROOT, Gunicorn
from tests.waiting import PATIENCE, until

GUESSERS = 48
TOKEN = "a" * 32
SENTENCES = {  # by the seconds after which to try again
    "5": "Earlier requests are still being worked on.",
    "900": "Too many logins have failed.",
}


class From(HTTPAdapter):
    """Connects from an address of this machine's own."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: object, **options: object) -> None:  # type: ignore[override]
        super().init_poolmanager(*args, **options, source_address=(self.address, 0))


def guess(server: Gunicorn, address: str, told: set[str], enough: Event) -> None:
    """Guess a password without a pause; note which of the sentences refusals tell."""
    with requests.Session() as session:
        session.mount("http://", From(address))
        # gunicorn may close an idle connection just when the next guess is sent over it.
        session.headers["Connection"] = "close"
        session.headers["Cookie"] = f"csrftoken={TOKEN}"  # any will do
        fields = {"username": "owner", "password": "12345678", "csrfmiddlewaretoken": TOKEN}
        while not enough.is_set():
            answer = session.post(f"{server.base}/admin/login/", fields, timeout=PATIENCE)
            assert answer.status_code in (200, 429)
            for wait, sentence in SENTENCES.items():
                if sentence in answer.text:
                    assert (answer.status_code, answer.headers["Retry-After"]) == (429, wait)
                    told.add(sentence)


def test_shoppers_are_answered_while_48_clients_guess_passwords(
    gunicorn: Gunicorn, environment: dict[str, str]
) -> None:
    told: set[str] = set()
    enough = Event()
    with ThreadPoolExecutor(GUESSERS) as guessers:
        guesses = [
            guessers.submit(guess, gunicorn, f"127.0.1.{1 + number % 4}", told, enough)
            for number in range(GUESSERS)
        ]
        try:
            until(lambda: len(told) == len(SENTENCES))
            for seed in range(3):
                assert gunicorn.search(jpeg(seed)).status == 200
                products = requests.get(f"{gunicorn.base}/products/", timeout=PATIENCE)
                assert products.status_code == 200
        finally:
            enough.set()
    # Otherwise the tests that log in as the owner next would be refused.
    reset = [sys.executable, "manage.py", "axes_reset"]
    subprocess.run(reset, cwd=ROOT, env=environment, check=True)  # noqa: S603
    for each in guesses:
        each.result()
