"""Renews the screenshots in this folder: `make screenshots`.

It needs Chromium (on Debian: apt-get install chromium; elsewhere set CHROMIUM=path), and starts the
real server with a demo catalog of its own, and the example shop beside it. Japanese and Arabic need
their fonts (on Debian: apt-get install fonts-ipafont-gothic fonts-noto-core).

With names, `python docs/screenshots.py phone languages/de` renews only these pictures.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from secrets import token_urlsafe
from time import sleep
from typing import Literal

import requests
from examples.shop.serve import Shop, handler
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

Manage = Callable[..., None]
ColorScheme = Literal["light", "dark"]

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PHOTO = ROOT / "fixtures" / "queries" / "11-sneaker.jpg"
PORT = 8765
BASE = f"http://127.0.0.1:{PORT}"
FLAGS = (
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)
SHOP_PORT = 8766
SHOP = f"http://127.0.0.1:{SHOP_PORT}"
OWNER = "owner"
DESKTOP: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}

LOWER = """slider => {
    slider.value = 0.5
    slider.dispatchEvent(new Event("input", { bubbles: true }))
}"""


@dataclass(frozen=True)
class Shot:
    """How a picture is taken."""

    come: Callable[[Page], None]  # to what it shows
    size: ViewportSize = field(default_factory=DESKTOP.copy)
    scheme: ColorScheme = "light"
    language: str = "en-US"


def main() -> None:
    with served_demo() as manage, served_shop(), sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        shots = all_shots(new_owner(manage))
        for name in sys.argv[1:] or shots:
            shoot(browser, name, shots[name])
        browser.close()


def all_shots(password: str) -> dict[str, Shot]:
    """What is taken, by the name of its file; the password is the owner's."""
    languages = ("de", "fr", "es", "ja", "ar")
    return {
        "search": Shot(searched),
        "dark": Shot(searched, scheme="dark"),
        "phone": Shot(searched, size=PHONE),
        "phone-filters": Shot(filtered, size=PHONE),
        "crop": Shot(cropped),
        "why": Shot(explained),
        "map": Shot(mapped),
        "product": Shot(partial(visit, path="/products/11/")),
        "admin": Shot(partial(signed_in, password=password)),
        **{f"languages/{code}": Shot(searched, language=code) for code in languages},
        "storefront": Shot(found_in_the_shop),
        "storefront-phone": Shot(found_in_the_shop, size=PHONE),
        "storefront-product": Shot(shelved),
        "storefront-product-phone": Shot(shelved, size=PHONE),
    }


def visit(page: Page, path: str) -> None:
    page.goto(BASE + path)


def searched(page: Page) -> None:
    """The results for a photo, at a threshold that leaves a few."""
    visit(page, "/")
    page.set_input_files("input[type=file]", PHOTO)
    page.wait_for_url("**/?query=*")
    page.goto(page.url.replace("threshold=0.7", "threshold=0.5"))


def filtered(page: Page) -> None:
    """The filters of those results, in the sheet of a phone."""
    searched(page)
    page.locator(".sheet-open").click()
    page.get_by_label("Shoes").check()


def cropped(page: Page) -> None:
    """The results for a part of that photo."""
    searched(page)
    page.goto(f"{page.url}&crop=0.12,0.3,0.62,0.45")


def explained(page: Page) -> None:
    """Why the first product was found."""
    searched(page)
    page.locator(".why-button").first.click()
    page.locator("#why-look-value").filter(has_text="%").wait_for()


def mapped(page: Page) -> None:
    """The map, with the tip of one product."""
    visit(page, "/map/")
    page.locator("#map-view").press("ArrowRight")
    page.locator("#map-tip").wait_for()


def signed_in(page: Page, password: str) -> None:
    """The products in the admin."""
    visit(page, "/admin/catalog/product/")
    page.fill("[name=username]", OWNER)
    page.fill("[name=password]", password)
    page.get_by_role("button", name="Log in").click()


def found_in_the_shop(page: Page) -> None:
    """The example shop with its dialog, which shows the results for a photo."""
    page.goto(SHOP)
    page.locator("visual-search button").first.click()
    page.set_input_files("visual-search input[type=file]", PHOTO)
    page.locator("visual-search .name[href]").first.wait_for()
    page.locator("visual-search [name=threshold]").evaluate(LOWER)
    page.locator("visual-search .name[href]").nth(4).wait_for()


def shelved(page: Page) -> None:
    """A product's page of the example shop, down to the shelf."""
    page.goto(f"{SHOP}/products/11/")
    page.locator("similar-products").scroll_into_view_if_needed()
    page.locator("similar-products .card").first.wait_for()
    page.locator("similar-products").evaluate("shelf => shelf.scrollIntoView({ block: 'end' })")


def new_owner(manage: Manage) -> str:
    """Create a superuser; returns the password."""
    password = token_urlsafe()
    manage("createsuperuser", "--noinput", f"--username={OWNER}", "--email=", password=password)
    return password


@contextmanager
def served_demo() -> Iterator[Manage]:
    """Start the real server with the demo catalog in a temporary folder; yields its manage.py."""
    with tempfile.TemporaryDirectory() as folder:
        ours = dict.fromkeys(("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "MEDIA_ROOT"), "")
        ours |= {"VAR_DIR": folder, "EMBEDDER": "efficientnet_lite0"}
        ours |= {"CORS_ALLOWED_ORIGINS": SHOP}
        environment = os.environ | {"MODEL_DIR": str(ROOT / "var" / "models")} | ours

        def manage(*command: str, password: str = "") -> None:
            run = [sys.executable, "manage.py", *command]
            secret = {"DJANGO_SUPERUSER_PASSWORD": password}
            subprocess.run(run, cwd=ROOT, env=environment | secret, check=True)  # noqa: S603

        for command in ("download_model", "migrate", "load_demo"):
            manage(command)
        gunicorn = [sys.executable, "-m", "gunicorn", "--config=python:visualsearch.gunicorn"]
        server = subprocess.Popen(  # noqa: S603
            [*gunicorn, f"--bind=127.0.0.1:{PORT}"], cwd=ROOT, env=environment
        )
        try:
            wait_until_served()
            yield manage
        finally:
            server.terminate()
            server.wait()


@contextmanager
def served_shop() -> Iterator[None]:
    """Serve the example shop."""
    with ThreadingHTTPServer(("127.0.0.1", SHOP_PORT), handler(Shop(BASE))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def wait_until_served() -> None:
    for _ in range(100):
        try:
            requests.get(f"{BASE}/healthz", timeout=30)
        except requests.ConnectionError:
            sleep(0.1)
        else:
            return
    sys.exit("The server does not answer.")


def shoot(browser: Browser, name: str, shot: Shot) -> None:
    """Open a page and save a screenshot of it, with the 256 colours that it has most."""
    has_touch = shot.size == PHONE
    with browser.new_context(
        viewport=shot.size,
        color_scheme=shot.scheme,
        locale=shot.language,
        has_touch=has_touch,
        is_mobile=has_touch,
    ) as context:
        page = context.new_page()
        shot.come(page)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)  # for everything to fade in
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    file = DOCS / f"{name}.png"
    file.parent.mkdir(exist_ok=True)
    picture.quantize().save(file, optimize=True)


if __name__ == "__main__":
    main()
