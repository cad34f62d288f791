"""A shop under URL_PREFIX, behind nginx as documented: no address of it leads elsewhere."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import FLAGS, MILLISECONDS
from tests.browser.witness import Witness
from tests.conftest import jpeg
from tests.server.servers import ORIGIN, ROOT, Gunicorn, Nginx
from tests.tools import CHROMIUM, NGINX
from tests.waiting import PATIENCE

PREFIX = "/visual-search"
ADDRESSES = {"href", "src", "action", "data-points", "data-products", "data-explain"}  # attributes
STARTS = (
    *("/", "/?query=product-1", "/products/", "/map/", "/api/docs/", "/api/map/", "/admin/"),
    *("/api/products/?limit=2", "/api/search/?query=product-1&limit=2"),
)
NAME, PASSWORD = "prefix", "a long password"  # other tests have a user "owner" in this database
OWNER = {"DJANGO_SUPERUSER_USERNAME": NAME, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
PREPARE = """
from django.core.management import call_command
call_command("createsuperuser", interactive=False, email="owner@shop.example")
call_command("build_embeddings")
call_command("collectstatic", interactive=False, verbosity=0)
"""


@pytest.fixture(scope="module")
def shop(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """The settings of the shop with a prefix. It has an owner, a map, and its static files."""
    shop = environment | {"URL_PREFIX": "visual-search/", "STATIC_ROOT": f"{folder}/static"}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "--command", PREPARE]
    subprocess.run(command, cwd=ROOT, env=shop | OWNER, check=True)  # noqa: S603
    return shop


@pytest.fixture(scope="module")
def gunicorn(shop: dict[str, str], folder: Path) -> Iterator[Gunicorn]:
    NGINX.path()  # before gunicorn is started in vain
    server = Gunicorn(shop, folder / "prefix.log")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def nginx(
    gunicorn: Gunicorn, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    """nginx as the comment in its configuration says."""
    server = Nginx(tmp_path_factory.mktemp("prefix"), folder / "media", gunicorn.port, PREFIX)
    yield server
    server.stop()


class Addresses(HTMLParser):
    """Collects the addresses on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name in ADDRESSES and value}


def addresses_in(response: requests.Response) -> set[str]:
    """The addresses in a page, a script, a style sheet or JSON."""
    kind = response.headers["Content-Type"].partition(";")[0]
    if kind == "text/html":
        return Addresses(response.text).found
    if kind == "text/javascript":
        return set(re.findall(r"""(?:from |import\()"(\..+?)\"""", response.text))
    if kind == "text/css":
        return set(re.findall(r"""url\(["']?([^"')]+)""", response.text))
    if kind == "application/json":
        return set(re.findall(r'"(https?://[^"]+|/[^"]*)"', response.text))
    return set()


def crawl(session: requests.Session, *starts: str) -> dict[str, int]:
    """The status of every address that can be reached on that host, one of each kind of page."""
    statuses: dict[str, int] = {}
    kinds: set[str] = set()
    waiting = list(starts)
    while waiting:
        url = waiting.pop().partition("#")[0]
        kind = re.sub(r"\d+|[0-9a-f]{8,}", "1", urlsplit(url).path)
        if kind in kinds or urlsplit(url).netloc != urlsplit(starts[0]).netloc:
            continue
        kinds.add(kind)
        response = session.get(url, timeout=PATIENCE)
        statuses[url] = response.status_code
        waiting += [urljoin(response.url, each) for each in addresses_in(response)]
    return statuses


@pytest.fixture
def staff(nginx: Nginx) -> Iterator[requests.Session]:
    """A session of the owner, who has signed in with the form."""
    login = f"{nginx.base}/admin/login/"
    with requests.Session() as session:
        page = session.get(login, timeout=PATIENCE).text
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
        form = {"csrfmiddlewaretoken": token, "username": NAME, "password": PASSWORD}
        answer = session.post(login, form | {"next": f"{PREFIX}/admin/"}, timeout=PATIENCE)
        assert answer.url == f"{nginx.base}/admin/"
        yield session


def test_every_address_is_below_the_prefix_and_answers(
    nginx: Nginx, staff: requests.Session
) -> None:
    statuses = crawl(staff, *(f"{nginx.base}{path}" for path in STARTS))
    assert len(statuses) > 100
    outside = {url for url in statuses if not f"{url}/".startswith(f"{nginx.base}/")}
    assert outside == set()
    refused = {url: status for url, status in statuses.items() if status >= 400}
    assert refused == {f"{nginx.base}/admin/logout/": 405}, "but for a form that is only posted"


def test_answers_of_the_api_have_whole_addresses(nginx: Nginx, gunicorn: Gunicorn) -> None:
    def get(path: str) -> Any:
        return requests.get(f"{nginx.base}{path}", timeout=PATIENCE).json()

    assert get("/api/schema/?format=json")["servers"] == [{"url": PREFIX}]
    second = get("/api/products/?limit=2&page=2")
    assert second["previous"] == f"{nginx.base}/api/products/?limit=2"
    assert second["next"] == f"{nginx.base}/api/products/?limit=2&page=3"
    text = nginx.search(jpeg(1)).text
    found = json.loads(text)["results"][0]
    assert found["url"] == f"{nginx.base}/products/{found['id']}/"
    assert found["image_src"].startswith(f"{nginx.base}/media/pictures/")
    old = {"file": ("photo.jpg", jpeg(1), "image/jpeg")}
    answer = requests.post(f"{nginx.base}/search", files=old, timeout=PATIENCE).json()
    assert answer["results"][0]["url"] == found["url"]


def test_cookies_are_not_those_of_another_shop_on_the_host(staff: requests.Session) -> None:
    assert {(cookie.name, cookie.path) for cookie in staff.cookies} == {
        ("sessionid_visual-search", PREFIX),
        ("csrftoken_visual-search", PREFIX),
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (PREFIX, 301),
        (f"{PREFIX}/metrics", 404),
        (f"{PREFIX}/readyz", 200),
        (f"{PREFIX}/api/nothing", 404),
        ("/products/", 404),
        ("/visual-searches/", 404),
        ("/metrics", 404),
    ],
)
def test_nginx_passes_on_what_is_below_the_prefix(nginx: Nginx, path: str, status: int) -> None:
    url = urljoin(nginx.base, path)
    answer = requests.get(url, timeout=PATIENCE, allow_redirects=False)
    assert answer.status_code == status
    assert answer.headers.get("Location", f"{PREFIX}/") == f"{PREFIX}/"


@pytest.mark.parametrize("prefix", ["", PREFIX])
def test_gunicorn_answers_with_and_without_the_prefix(gunicorn: Gunicorn, prefix: str) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/static/favicon.svg"):
        assert requests.get(f"{gunicorn.base}{prefix}{path}", timeout=PATIENCE).status_code == 200
    page = requests.get(f"{gunicorn.base}{prefix}/products/", timeout=PATIENCE)
    assert f'href="{PREFIX}/map/"' in page.text
    lost = requests.get(f"{gunicorn.base}{prefix}/api/nothing/", timeout=PATIENCE)
    assert lost.json() == {"detail": "Not found."}


def test_answers_and_refusals_are_shared_below_the_prefix(
    nginx: Nginx, gunicorn: Gunicorn, folder: Path
) -> None:
    picture = next((folder / "media/pictures").rglob("*.jpg")).relative_to(folder)
    too_long = {"Content_Length": str(10**12)}
    for server in (nginx, gunicorn):
        assert server.shared("GET", f"/{picture}") == (200, ORIGIN)
        assert server.shared("POST", "/api/search/", **too_long) == (413, ORIGIN)
        assert server.shared("GET", "/products/") == (200, "")
    assert gunicorn.shared("POST", f"{PREFIX}/api/search/", **too_long) == (413, ORIGIN)


def test_installed_shop_takes_shares_below_the_prefix(nginx: Nginx) -> None:
    about = requests.get(f"{nginx.base}/manifest.webmanifest", timeout=PATIENCE).json()
    assert about["start_url"] == about["scope"] == f"{PREFIX}/"
    icon = requests.get(urljoin(nginx.base, about["icons"][0]["src"]), timeout=PATIENCE)
    assert icon.headers["Content-Type"] == "image/png"
    share = urljoin(nginx.base, about["share_target"]["action"])
    for files, target in (({"file": jpeg(1)}, f"{PREFIX}/?query="), ({"file": b""}, f"{PREFIX}/")):
        answer = requests.post(share, files=files, timeout=PATIENCE, allow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith(target)


def test_forged_script_name_changes_nothing(gunicorn: Gunicorn) -> None:
    head = f"GET {PREFIX}/products/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    status, text = gunicorn.say(f"{head}SCRIPT_NAME: /x\r\nScript-Name: /x\r\n\r\n")
    assert (status, f'href="{PREFIX}/map/"' in text) == (200, True)


def test_nginx_may_serve_the_static_files_itself(
    gunicorn: Gunicorn, folder: Path, tmp_path: Path
) -> None:
    server = Nginx(tmp_path, folder / "media", gunicorn.port, PREFIX, static=folder / "static")
    try:
        answer = requests.get(f"{server.base}/static/js/search.js", timeout=PATIENCE)
    finally:
        server.stop()
    assert answer.content == (ROOT / "static/js/search.js").read_bytes()
    assert "javascript" in answer.headers["Content-Type"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.fixture
def page(nginx: Nginx) -> Iterator[Page]:
    """A page of a browser; the test fails if anything goes wrong in it."""
    program = CHROMIUM.path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        context = browser.new_context(base_url=f"{nginx.base}/")
        context.set_default_timeout(MILLISECONDS)
        expect.set_options(timeout=MILLISECONDS)
        witness = Witness(context)
        yield context.new_page()
        browser.close()
    assert witness.heard == []


def test_browser_searches_and_saves_below_the_prefix(page: Page, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(1))
    page.goto("./")
    page.set_input_files("#file", photo)
    expect(page.locator(".found .card-name").first).to_have_text("Mug 1")
    page.locator(".crop-box").press("Shift+ArrowLeft")
    page.wait_for_url(re.compile(r"/visual-search/\?.*crop="))
    page.reload()
    page.locator(".found .card-name a").first.click()
    expect(page.locator("h1")).to_have_text("Mug 1")
    page.get_by_role("link", name="Map").click()
    expect(page.locator("canvas").first).to_be_visible()

    page.goto("admin/catalog/product/")
    page.fill("[name=username]", NAME)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Mug 5").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".success")).to_contain_text("was changed successfully")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in again")).to_be_visible()
