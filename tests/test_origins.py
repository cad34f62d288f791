"""What scripts of other origins may read, and which pages other sites may frame."""

import re
from itertools import cycle
from typing import Any

import pytest
from django.test import Client

from catalog.models import Product
from catalog.pictures.slots import Busy
from tests.conftest import MakeProduct, Picture

LISTED = "https://shop.example"
MATCHING = "https://de.shop.example"
STRANGERS = (
    *("https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"),
    *("https://shop.example:8443", "https://evilshop.example", "https://[", ""),
)
# Method and path, and the status; {pk} is a product.
SHARED = (
    ("GET", "/api/search/?query=product-{pk}", 200),
    ("GET", "/api/search/?query=nothing", 400),
    ("POST", "/api/search/", 400),
    ("POST", "/search", 400),
    ("GET", "/api/search/product-{pk}/explain/{pk}/", 200),
    ("GET", "/api/search/nothing/photo/", 404),
    ("GET", "/api/widget/words/", 200),
    ("GET", "/api/products/", 200),
    ("HEAD", "/api/products/", 200),
    ("GET", "/api/products/{pk}/", 200),
    ("GET", "/api/products/{pk}/similar/", 200),
    ("GET", "/api/products/by-sku/a/b/", 200),
    ("GET", "/api/products/by-sku/a/b/similar/", 200),
    ("GET", "/api/products/999/", 404),
    ("GET", "/api/categories/", 200),
    ("GET", "{picture}", 200),
    ("GET", "/media/nothing.jpg", 404),
)
OWN = (
    ("GET", "/", 200),
    ("POST", "/", 400),
    ("GET", "/products/", 200),
    ("POST", "/share/", 303),
    ("GET", "/manifest.webmanifest", 200),
    ("GET", "/admin/login/", 200),
    ("GET", "/metrics", 403),
    ("GET", "/healthz", 200),
    ("GET", "/api/docs/", 200),
    ("GET", "/api/schema/", 200),
    ("POST", "/api/products/", 401),
    ("PUT", "/api/products/by-sku/a/b/", 401),
    ("DELETE", "/api/products/{pk}/", 401),
    ("POST", "/api/products/batch/", 401),
)
PREFLIGHTS = (
    ("/api/search/", "POST", True),
    ("/api/categories/", "GET", True),
    ("/api/products/", "POST", False),
    ("/api/products/batch/", "POST", False),
    ("/api/products/by-sku/a/b/", "PUT", False),
    ("/api/products/by-sku/a/b/", "DELETE", False),
    ("/admin/login/", "POST", False),
    ("/", "POST", False),
)


@pytest.fixture(autouse=True)
def sites(settings: Any) -> None:
    """Both settings for scripts, and none for frames."""
    settings.CORS_ALLOWED_ORIGINS = [LISTED]
    settings.CORS_ALLOWED_ORIGIN_REGEXES = [re.compile(r"(?:https://\w+\.shop\.example)\Z")]


@pytest.fixture
def mug(make_product: MakeProduct, picture: Picture) -> Product:
    return make_product("Mug", sku="a/b", image=picture(1))


def ask(mug: Product, method: str, path: str, origin: str) -> Any:
    path = path.format(pk=mug.pk, picture=mug.image.url)
    response = Client().generic(method, path, headers={"Origin": origin} if origin else {})
    response.getvalue()
    return response


def sharing(response: Any) -> dict[str, str]:
    """The headers about other origins."""
    return {name: value for name, value in response.items() if name.startswith("access-control-")}


def test_listed_origins_read_what_is_shared(mug: Product) -> None:
    for (method, path, status), origin in zip(SHARED, cycle((LISTED, MATCHING)), strict=False):
        response = ask(mug, method, path, origin)
        assert response.status_code == status, path
        assert sharing(response) == {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": "Retry-After, X-Request-ID",
        }
        assert "origin" in response["Vary"].lower()


def test_other_origins_read_nothing(mug: Product) -> None:
    for origin in STRANGERS:
        response = ask(mug, "GET", "/api/categories/", origin)
        assert (response.status_code, sharing(response)) == (200, {}), origin
        assert "origin" in response["Vary"].lower(), "for those who keep answers"


def test_what_is_not_shared_is_so_with_nobody(mug: Product) -> None:
    for method, path, status in OWN:
        response = ask(mug, method, path, LISTED)
        assert (response.status_code, sharing(response)) == (status, {}), path


@pytest.mark.parametrize(("path", "method", "is_shared"), PREFLIGHTS)
def test_only_searches_may_be_posted(
    client: Client, db: None, settings: Any, path: str, method: str, is_shared: bool
) -> None:
    settings.SEARCH_RATE = "1/day"
    for _ in range(2):
        asked = {"Origin": LISTED, "Access-Control-Request-Method": method}
        response = client.options(path, headers=asked)
        assert response.status_code != 429, "a question is no search"
    allowed = sharing(response).get("access-control-allow-methods", "").split(", ")
    assert (method in allowed) == is_shared
    assert sharing(response).get("access-control-allow-headers") == (
        "content-type" if is_shared else None
    )
    assert ("access-control-max-age" in sharing(response)) == is_shared


def test_sentence_of_a_throttled_search_can_be_read(mug: Product, settings: Any) -> None:
    settings.SEARCH_RATE = "1/day"
    path = "/api/search/?query=product-{pk}"
    ask(mug, "GET", path, LISTED)
    response = ask(mug, "GET", path, LISTED)
    assert (response.status_code, "Retry-After" in response) == (429, True)
    assert response["access-control-allow-origin"] == LISTED


@pytest.mark.parametrize(
    ("error", "status"), [(OSError("full"), 503), (Busy(own=True), 429), (ZeroDivisionError(), 500)]
)
def test_errors_of_the_machine_can_be_read(
    mug: Product, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("search.api.search.answer_to", fail)
    client = Client(raise_request_exception=False)
    path = f"/api/search/?query=product-{mug.pk}"
    response = client.get(path, headers={"Origin": LISTED})
    assert (response.status_code, "detail" in response.json()) == (status, True)
    assert response["access-control-allow-origin"] == LISTED


def test_widget_is_for_every_origin_and_for_ever(client: Client) -> None:
    for path, is_for_ever in (
        ("/static/widget/1.0/visual-search.js", True),
        ("/static/js/search.js", False),
    ):
        response = client.get(path)
        response.getvalue()
        assert response["Access-Control-Allow-Origin"] == "*"
        assert ("immutable" in response["Cache-Control"]) == is_for_ever


FRAMED = {"/": 200, "/products/": 200, "/products/999/": 404, "/map/": 200, "/?query=none": 400}
NEVER_FRAMED = ("/admin/login/", "/admin/", "/api/docs/", "/api/products/", "/nowhere/", "/healthz")


def test_pages_of_shoppers_are_framed_by_those_who_may(
    client: Client, db: None, settings: Any
) -> None:
    settings.FRAME_ANCESTORS = [LISTED, "https://*.shop.example"]
    for path, status in FRAMED.items():
        response = client.get(path)
        assert response.status_code == status
        assert "X-Frame-Options" not in response
        (policy,) = re.findall("frame-ancestors ([^;]*)", response["Content-Security-Policy"])
        assert policy == f"{LISTED} https://*.shop.example"
    for path in NEVER_FRAMED:
        assert_not_framed(client.get(path))
    settings.FRAME_ANCESTORS = []
    assert_not_framed(client.get("/"))


def assert_not_framed(response: Any) -> None:
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
