"""A real browser, connected to the live server, and a witness that records every fault in it."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connection
from django.test import Client
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.witness import Witness
from tests.tools import CHROMIUM
from tests.waiting import PATIENCE, until

FLAGS = (
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)
MILLISECONDS = 1000 * PATIENCE


class OneAtATime(ThreadedWSGIServer):
    """A server whose threads share a connection to SQLite, so they take turns.

    Such a thread may call Python within a query. If another one then waits for the connection, it
    may hold Python's lock, and both wait for ever. Elsewhere each thread has its own connection.
    """

    def set_app(self, application: Any) -> None:
        turn = threading.Lock()

        def answer(environ: dict[str, Any], start_response: Any) -> Any:
            # A search by address fetches a picture from this very server.
            is_file = environ["PATH_INFO"].startswith((settings.MEDIA_URL, settings.STATIC_URL))
            with nullcontext() if is_file else turn:
                return application(environ, start_response)

        super().set_app(answer)


@pytest.fixture(scope="session")
def one_at_a_time() -> Iterator[None]:
    """Has the live server answer requests one after another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LiveServerThread, "server_class", OneAtATime)
        yield


@pytest.fixture(scope="session")
def live_server(one_at_a_time: None, live_server: Any) -> Any:
    """The live server, which answers requests one after another."""
    return live_server


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    chromium = CHROMIUM.path()
    # Playwright runs an event loop in this thread. Django refuses to use its database there unless
    # told otherwise, and opens another connection; an open one prevents the database's removal.
    connection.close()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        expect.set_options(timeout=MILLISECONDS)
        yield playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        connection.close()


@pytest.fixture
def device() -> dict[str, Any]:
    """Options of the browser's device, which test modules override."""
    return {}


@pytest.fixture(autouse=True)
def _answered(transactional_db: None) -> Iterator[None]:
    """Waits until the server has answered everything; otherwise the database would be locked."""
    yield
    until(
        lambda: [thread.name for thread in threading.enumerate()],
        lambda names: not any("process_request_thread" in name for name in names),
    )


@pytest.fixture
def context(browser: Browser, live_server: Any, device: dict[str, Any]) -> Iterator[BrowserContext]:
    """A browser with an empty cache, whose relative addresses lead to the live server."""
    with browser.new_context(base_url=live_server.url, **device) as context:
        context.set_default_timeout(MILLISECONDS)
        yield context


@pytest.fixture
def witness(context: BrowserContext) -> Iterator[Witness]:
    """Records faults; a test fails if there are any at its end."""
    witness = Witness(context)
    yield witness
    assert witness.heard == []


@pytest.fixture
def page(context: BrowserContext, witness: Witness) -> Page:
    """A page; the test fails if anything goes wrong in it."""
    return context.new_page()


@pytest.fixture
def admin_page(page: Page, admin_client: Client, live_server: Any) -> Page:
    """A page whose browser is signed in as a superuser."""
    name = settings.SESSION_COOKIE_NAME
    session = admin_client.cookies[name].value
    page.context.add_cookies([{"name": name, "value": session, "url": live_server.url}])
    return page
