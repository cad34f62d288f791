"""Renews the screenshots in this folder: `make screenshots`.

It needs Chromium (on Debian: apt-get install chromium; elsewhere set CHROMIUM=path), and starts the
real server with a demo catalog of its own.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from time import sleep
from typing import Literal

import requests
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
OWNER = "owner"
DESKTOP: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}


def main() -> None:
    with served_demo() as manage, sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        shoot(browser, "search", searched)
        shoot(browser, "dark", searched, scheme="dark")
        shoot(browser, "phone", searched, size=PHONE)
        shoot(browser, "crop", cropped)
        shoot(browser, "why", explained)
        shoot(browser, "map", mapped)
        shoot(browser, "product", lambda page: visit(page, "/products/11/"))
        password = new_owner(manage)
        shoot(browser, "admin", lambda page: signed_in(page, password))
        browser.close()


def visit(page: Page, path: str) -> None:
    page.goto(BASE + path)


def searched(page: Page) -> None:
    """The results for a photo, at a threshold that leaves a few."""
    visit(page, "/")
    page.set_input_files("input[type=file]", PHOTO)
    page.wait_for_url("**/?query=*")
    page.goto(page.url.replace("threshold=0.7", "threshold=0.5"))


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


def wait_until_served() -> None:
    for _ in range(100):
        try:
            requests.get(f"{BASE}/healthz", timeout=30)
        except requests.ConnectionError:
            sleep(0.1)
        else:
            return
    sys.exit("The server does not answer.")


def shoot(
    browser: Browser,
    name: str,
    come: Callable[[Page], None],
    *,
    size: ViewportSize = DESKTOP,
    scheme: ColorScheme = "light",
) -> None:
    """Open a page and save a screenshot of it."""
    has_touch = size == PHONE
    with browser.new_context(
        viewport=size, color_scheme=scheme, has_touch=has_touch, is_mobile=has_touch
    ) as context:
        page = context.new_page()
        come(page)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(500)  # for everything to fade in
        page.screenshot(path=DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
