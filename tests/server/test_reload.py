"""A restart that no shopper notices: SIGHUP, as `systemctl reload` sends it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import requests

from tests.conftest import jpeg
from tests.server.servers import Gunicorn
from tests.waiting import until

CLIENTS = 4


def test_reload_fails_no_request(gunicorn: Gunicorn) -> None:
    end = Event()
    seen: list[int | str] = []  # statuses, and the errors of requests that got no answer

    def shop(number: int) -> None:
        while not end.is_set():
            try:
                seen.append(gunicorn.search(jpeg(number)).status)
            except requests.RequestException as error:
                seen.append(repr(error))

    with ThreadPoolExecutor(CLIENTS) as clients:
        clients.map(shop, range(CLIENTS))
        try:
            for _ in range(2):
                old, enough = gunicorn.children(), len(seen) + 4 * CLIENTS
                gunicorn.reload()
                until(gunicorn.children, lambda now, old=old: bool(now) and not now & old)
                until(lambda: len(seen), lambda times, enough=enough: times >= enough)
        finally:
            end.set()
    assert set(seen) == {200}
