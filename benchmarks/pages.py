"""How fast are the pages in a browser?

    python benchmarks/pages.py

Serves the demo catalog with gunicorn and opens its pages in Chromium, on a simulated slow phone.
There it also scrolls to the shelf of similar products on a page of the example shop. Then
it moves the slider of the search page and a map of ten thousand products on a desktop. The exit
status is 1 if a figure is beyond its limit.
"""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from shutil import which
from statistics import median, quantiles

import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright
from report import machine, write_section
from shop import clerks, manage, new_shop, serve

from docs.examples.shop.serve import Shop, handler
from tests.waiting import until

PHONE = {"width": 390, "height": 844}
# Lighthouse's phone: a quarter of this machine's speed on a slow 4G network.
SLOWER = 4
NETWORK = {
    "offline": False,
    "latency": 150,  # milliseconds
    "downloadThroughput": 1.6e6 / 8,  # bytes a second
    "uploadThroughput": 750e3 / 8,
}
TRIES = 3  # the best counts
PAGES = ["/", "/products/", "/products/11/", "/?query=product-11&threshold=0.5"]
PAGES += ["/map/", "/map/?list=1"]
# The limits, in milliseconds.
USABLE_AFTER, REPAINTED_AFTER, FRAME, SLOW_FRAME = 1000, 100, 34, 100
SHELF_AFTER = 300
FLICK = 2000  # pixels a second, as fast as people scroll past what they don't read

# From the first byte. Scripts of a page are modules, which have run at DOMContentLoaded.
USABLE = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    return Math.max(page.domContentLoadedEventEnd, paint.startTime) - page.responseStart;
}"""
# From a move of the slider to a frame with another number of products.
REPAINT = """async (threshold) => {
    const slider = document.querySelector("#threshold")
    const count = () => document.querySelectorAll(".found > .grid > .card:not([hidden])").length
    const [started, before] = [performance.now(), count()]
    slider.value = threshold
    slider.dispatchEvent(new Event("input", { bubbles: true }))
    while (count() === before) await new Promise(requestAnimationFrame)
    return performance.now() - started
}"""
# The shelf is far below, as on the page of a real shop.
FAR = """document.addEventListener("readystatechange", () => {
    const shelf = document.querySelector("similar-products")
    shelf.style.marginBlockStart = "2500px"
    const note = (name) => performance.mark(name)
    new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && note("in view"))
        .observe(shelf)
    customElements.whenDefined("similar-products").then(() =>
        shelf.shadowRoot.addEventListener("load", () => note("picture"), true))
}, { once: true })"""
# From the shelf's entry to its first picture; 0 if that was there before.
SHELF = """() => {
    const [entry, picture] = ["in view", "picture"]
        .map((name) => performance.getEntriesByName(name)[0])
    return Math.max(0, picture.startTime - entry.startTime)
}"""
SCROLL = """(speed) => {
    let before = performance.now()
    const step = (now) => {
        scrollBy(0, speed * (now - before) / 1000)
        before = now
        if (scrollY < document.documentElement.scrollHeight - innerHeight - 1)
            requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
}"""
SHELF_SHOWN = """() => ["in view", "picture"]
    .every((name) => performance.getEntriesByName(name).length)"""
FRAMES = """() => {
    window.frames = [];
    const note = (now) => { window.frames.push(now); requestAnimationFrame(note) };
    requestAnimationFrame(note);
}"""


def main() -> None:
    executable = os.environ.get("CHROMIUM") or which("chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        storefront() as store,
    ):
        origin = f"http://127.0.0.1:{store.server_port}"
        environment = new_shop(Path(folder), CORS_ALLOWED_ORIGINS=origin)
        manage(environment, "load_demo")
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        with serve(environment) as server:
            base = f"http://127.0.0.1:{server.port}"
            until(lambda: is_ready(base))
            store.RequestHandlerClass = handler(Shop(base))
            figures = {
                f"{path} usable on a slow phone": (min(usable(browser, base, path)), USABLE_AFTER)
                for path in PAGES
            }
            name = "the shelf's first picture on a slow phone, after the shelf came into view"
            figures[name] = (median(shelf(browser, origin)), SHELF_AFTER)
            figures["slider to new results"] = (slider(browser, base), REPAINTED_AFTER)
            with clerks(environment) as staff:
                staff.submit(draw_large_map).result()
            times = frames(browser, base)
        figures["a frame of the moving map, median"] = (median(times), FRAME)
        figures["a frame of the moving map, 19 of 20"] = (quantiles(times, n=20)[-1], SLOW_FRAME)
    rows = [f"| {name} | {took:.0f} ms | {limit} ms |" for name, (took, limit) in figures.items()]
    lines = ["## Pages", "", machine(), "", "| | measured | limit |", "|---|---|---|", *rows]
    write_section("pages", "\n".join(lines))
    raise SystemExit(any(took > limit for took, limit in figures.values()))


def is_ready(base: str) -> bool:
    try:
        return requests.get(f"{base}/readyz", timeout=60).ok
    except requests.ConnectionError:
        return False


def usable(browser: Browser, base: str, path: str) -> list[float]:
    """Milliseconds until a page can be used on a phone that was never here before."""
    times = []
    for _ in range(TRIES):
        with browser.new_context(base_url=base, viewport=PHONE, is_mobile=True) as context:
            page = context.new_page()
            slow_down(page)
            visit(page, path)
            times.append(page.evaluate(USABLE))
    return times


def shelf(browser: Browser, origin: str) -> list[float]:
    """Milliseconds from a shelf's entry into the window to its first picture, while scrolling."""
    times = []
    for _ in range(TRIES):
        with browser.new_context(
            base_url=origin, viewport=PHONE, is_mobile=True, has_touch=True
        ) as context:
            page = context.new_page()
            page.add_init_script(FAR)
            slow_down(page)
            visit(page, "/products/11/")
            page.wait_for_load_state("networkidle")
            page.evaluate(SCROLL, FLICK)
            page.wait_for_function(SHELF_SHOWN)
            times.append(page.evaluate(SHELF))
    return times


def slow_down(page: Page) -> None:
    """Make it a slow phone's page."""
    session = page.context.new_cdp_session(page)
    session.send("Network.emulateNetworkConditions", NETWORK)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})


@contextmanager
def storefront() -> Iterator[ThreadingHTTPServer]:
    """A server for the example shop, whose port is known before its pages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def slider(browser: Browser, base: str) -> float:
    """Milliseconds from a move of the slider to other results, by the slower of both directions."""
    with browser.new_context(base_url=base) as context:
        page = context.new_page()
        visit(page, "/?query=product-11&threshold=0")
        fewer, more = [], []  # fewer results are a matter of the page, for more it asks the server
        for _ in range(TRIES):
            fewer.append(page.evaluate(REPAINT, 0.8))
            page.wait_for_load_state("networkidle")
            more.append(page.evaluate(REPAINT, 0))
            page.wait_for_load_state("networkidle")
        return max(min(fewer), min(more))


def draw_large_map() -> None:
    """Give the shop ten thousand more products and a map of them; called in the shop."""
    from catalog.models import Product
    from tests.browser.maps import draw_many

    image = Product.objects.earliest("pk").image.name
    Product.objects.all().delete()
    draw_many(10_000, image)


def frames(browser: Browser, base: str) -> list[float]:
    """Milliseconds of each frame while the map is dragged and zoomed."""
    with browser.new_context(base_url=base, viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        visit(page, "/map/")
        expect(page.locator("#map-status")).to_have_text(
            "10,000 of 10,000 products are on the map.", timeout=60_000
        )
        page.locator("#map-view").hover()
        page.evaluate(FRAMES)
        page.mouse.down()
        for step in range(60):
            page.mouse.move(400 + 5 * step, 400 + 2 * step)
        page.mouse.up()
        for _ in range(15):
            page.mouse.wheel(0, -40)
        noted = page.evaluate("() => window.frames")
        return [after - before for before, after in pairwise(noted)]


def visit(page: Page, path: str) -> None:
    page.goto(path, wait_until="load")
    expect(page.locator("main")).to_be_visible()


if __name__ == "__main__":
    main()
