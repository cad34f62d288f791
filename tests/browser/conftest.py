"""A real browser, connected to the live server, and a witness that records every fault in it."""

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
