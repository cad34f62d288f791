"""The example shop on an origin of its own, and the search as shops run it: behind its front."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, BrowserContext, Request
from pytest_django.live_server_helper import LiveServer

from catalog.models import Product
from docs.examples.shop.serve import Shop, handler
from tests.browser.conftest import MILLISECONDS, OneAtATime
from tests.browser.shops import DESKTOP, open_shop
from tests.conftest import MakeProduct


class Fronted(OneAtATime):
    """Serves what gunicorn serves, also static files and pictures with their headers."""

    def set_app(self, application: Any) -> None:
        # Imported while pytest loads this file, it makes pytest lose its own output.
        from visualsearch.wsgi import application as front

        super().set_app(front)


@pytest.fixture(scope="package")
def live_server(django_db_setup: None) -> Iterator[LiveServer]:
    """The search."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LiveServerThread, "server_class", Fronted)
        server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.fixture
def language() -> str:
    """The language of the shop's pages, which tests override."""
    return "en"


@pytest.fixture
def origin(live_server: LiveServer, settings: Any, language: str) -> Iterator[str]:
    """The origin of the shop, which the search allows to use it."""
    shop = Shop(live_server.url, language=language)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(shop)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{server.server_port}"
        settings.CORS_ALLOWED_ORIGINS = [origin]
        yield origin
        server.shutdown()


@pytest.fixture
def device() -> dict[str, Any]:
    """A desktop, unless a test overrides it."""
    return DESKTOP


@pytest.fixture
def context(browser: Browser, origin: str, device: dict[str, Any]) -> Iterator[BrowserContext]:
    """A browser with an empty cache, whose relative addresses lead to the shop."""
    with browser.new_context(base_url=origin, **device) as context:
        context.set_default_timeout(MILLISECONDS)
        yield context


@pytest.fixture
def asked(context: BrowserContext, live_server: LiveServer) -> list[str]:
    """The paths that pages ask the search for, in their order."""
    paths: list[str] = []

    def note(request: Request) -> None:
        if request.url.startswith(live_server.url):
            paths.append(urlsplit(request.url).path)

    context.on("request", note)
    return paths


@pytest.fixture
def products(make_product: MakeProduct) -> dict[str, Product]:
    """Some of the demo's products, by SKU."""
    return open_shop(make_product)
