"""A real browser before the live server, and a witness of whatever goes wrong in it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.witness import Witness
from tests.tools import CHROMIUM
from tests.waiting import PATIENCE, until

FLAGS = (
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)
MILLISECONDS = 1000 * PATIENCE


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    chromium = CHROMIUM.path()
    # Playwright runs an event loop in this thread, in which Django refuses its database, and has
    # another connection: one that is left open would keep the database from being removed.
    connection.close()
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        expect.set_options(timeout=MILLISECONDS)
        yield playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        connection.close()


@pytest.fixture
def device() -> dict[str, Any]:
    """What the browser runs on; a module of tests may have others."""
    return {}


@pytest.fixture(autouse=True)
def _answered(transactional_db: None) -> Iterator[None]:
    """Nothing is being answered any more when the database is emptied: it would be locked."""
    yield
    until(
        lambda: [thread.name for thread in threading.enumerate()],
        lambda names: not any("process_request_thread" in name for name in names),
    )


@pytest.fixture
def context(browser: Browser, live_server: Any, device: dict[str, Any]) -> Iterator[BrowserContext]:
    """A browser that was never here before; what it is told to open is on the live server."""
    with browser.new_context(base_url=live_server.url, **device) as context:
        context.set_default_timeout(MILLISECONDS)
        yield context


@pytest.fixture
def witness(context: BrowserContext) -> Iterator[Witness]:
    """Has nothing to say at the end of the test."""
    witness = Witness(context)
    yield witness
    assert witness.heard == []


@pytest.fixture
def page(context: BrowserContext, witness: Witness) -> Page:
    """A page in which nothing may go wrong."""
    return context.new_page()


@pytest.fixture
def admin_page(page: Page, admin_client: Client, live_server: Any) -> Page:
    """A page whose browser is signed in as a superuser."""
    name = settings.SESSION_COOKIE_NAME
    session = admin_client.cookies[name].value
    page.context.add_cookies([{"name": name, "value": session, "url": live_server.url}])
    return page
