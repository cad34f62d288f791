"""Makes the pictures of the pages in this folder anew: `make screenshots`.

Needs Chromium (Debian: apt-get install chromium; elsewhere CHROMIUM=path names it). Starts the
real server on a demo catalog of its own.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import requests
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PHOTO = ROOT / "fixtures" / "queries" / "11-sneaker.jpg"
PORT = 8765
BASE = f"http://127.0.0.1:{PORT}"
FLAGS = (
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


def main() -> None:
    with served_demo(), sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        for name, width, scheme in (
            ("search", DESKTOP, "light"),
            ("search-dark", DESKTOP, "dark"),
            ("search-phone", PHONE, "light"),
        ):
            shoot_search(browser, name, width, scheme)
        shoot(browser, "start", "/")
        shoot(browser, "product", "/products/11/")
        browser.close()


@contextmanager
def served_demo() -> Iterator[None]:
    """The real server, with the demo catalog in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        ours = dict.fromkeys(("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "MEDIA_ROOT"), "")
        ours |= {"VAR_DIR": folder, "EMBEDDER": "efficientnet_lite0"}
        environment = os.environ | {"MODEL_DIR": str(ROOT / "var" / "models")} | ours
        for command in ("download_model", "migrate", "load_demo"):
            manage = [sys.executable, "manage.py", command]
            subprocess.run(manage, cwd=ROOT, env=environment, check=True)  # noqa: S603
        gunicorn = [sys.executable, "-m", "gunicorn", "--config=python:visualsearch.gunicorn"]
        server = subprocess.Popen(  # noqa: S603
            [*gunicorn, f"--bind=127.0.0.1:{PORT}"], cwd=ROOT, env=environment
        )
        try:
            wait_until_served()
            yield
        finally:
            server.terminate()
            server.wait()


def wait_until_served() -> None:
    for _ in range(100):
        try:
            requests.get(f"{BASE}/healthz", timeout=1)
        except requests.ConnectionError:
            sleep(0.1)
        else:
            return
    sys.exit("The server does not answer.")


def shoot_search(browser: Browser, name: str, viewport: dict[str, int], scheme: str) -> None:
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    page.goto(BASE)
    page.set_input_files("input[type=file]", PHOTO)
    page.wait_for_url("**/?query=*")
    page.goto(page.url.replace("threshold=0.7", "threshold=0.5"))
    save(page, name)


def shoot(browser: Browser, name: str, path: str) -> None:
    page = browser.new_page(viewport=DESKTOP)
    page.goto(BASE + path)
    save(page, name)


def save(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=DOCS / f"{name}.png")
    page.close()


if __name__ == "__main__":
    main()
