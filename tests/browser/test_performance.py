"""How soon the demo shop can be used on a slow phone, and what its pages weigh."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import Browser, Page, expect

from tests.browser.witness import Witness

Visit = Callable[[str], Page]

PHONE = {"width": 390, "height": 844}
# Lighthouse's phone: a quarter of this machine's speed on a slow 4G network.
SLOWER = 4
NETWORK = {
    "offline": False,
    "latency": 150,  # milliseconds
    "downloadThroughput": 1.6e6 / 8,  # bytes a second
    "uploadThroughput": 750e3 / 8,
}
SOON = 1000  # milliseconds after the first byte
LIGHT = 300_000  # bytes, the pictures of products left aside
TRIES = 3  # the best counts: other programs use this machine, too

# Scripts of a page are modules, which have run when its content is said to be loaded.
USABLE = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    return Math.max(page.domContentLoadedEventEnd, paint.startTime) - page.responseStart;
}"""
WEIGHT = """() => performance.getEntries()
    .filter(({ name }) => !new URL(name, location).pathname.startsWith("/media/"))
    .reduce((sum, { transferSize = 0 }) => sum + transferSize, 0)"""
PAGES = ["/", "/products/", "/products/11/", "/?query=product-11&threshold=0.5"]
PAGES += ["/map/", "/map/?list=1"]


@pytest.fixture
def demo(transactional_db: None) -> None:
    """The demo catalog; its first product has the number 1, as on a new machine."""
    call_command("flush", interactive=False, reset_sequences=True)
    call_command("load_demo")


@pytest.fixture
def visit(browser: Browser, live_server: Any, demo: None) -> Callable[..., Page]:
    """Opens a page on a slow phone that was never here before."""

    def open_page(path: str) -> Page:
        context = browser.new_context(base_url=live_server.url, viewport=PHONE, is_mobile=True)
        witness = Witness(context)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.emulateNetworkConditions", NETWORK)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(path, wait_until="load")
        expect(page.locator("main")).to_be_visible()
        assert witness.heard == []
        return page

    return open_page


@pytest.mark.alone
@pytest.mark.parametrize("path", PAGES)
def test_page_is_light_and_soon_of_use(visit: Visit, path: str) -> None:
    times = []
    for _ in range(TRIES):
        page = visit(path)
        times.append(page.evaluate(USABLE))
        weight = page.evaluate(WEIGHT)
        page.context.close()
    print(f"{path}: usable after {min(times):.0f} ms, {weight / 1000:.0f} kB")
    assert min(times) < SOON
    assert 1000 < weight < LIGHT
