"""axe-core examines every page, in light and dark, on a phone and on a desktop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.http import HttpResponse
from django.test import RequestFactory
from django.views.defaults import permission_denied, server_error
from playwright.sync_api import Page, ViewportSize, expect

from catalog.models import Product
from tests.browser.maps import draw_all
from tests.conftest import MakeProduct, Picture

Examine = Callable[..., None]

PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1280, "height": 860}
OPTIONS = {
    "resultTypes": ["violations"],
    "rules": {"target-size": {"enabled": True}},  # of WCAG 2.2, which axe leaves out unless asked
}
axe = Axe()


@pytest.fixture(
    params=[(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")],
    ids=["phone-light", "phone-dark", "desk-light", "desk-dark"],
)
def examine(request: pytest.FixtureRequest, page: Page) -> Examine:
    """Returns a function that opens a page, or takes the open one, and asserts it has no fault."""
    size, scheme = request.param
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    def look(path: str = "", *, at: Any = None) -> None:
        if path:
            page.goto(path)
        expect(page.locator("h1:visible, h2:visible").first).to_be_visible()
        assert faults(page, at) == [], page.url

    return look


def faults(page: Page, at: Any = None) -> list[str]:
    """The faults that axe-core finds, each with its element."""
    found = axe.run(page, context=at, options=OPTIONS).response["violations"]
    return [
        f"{fault['id']}: {' '.join(map(str, node['target']))} {node['html'][:120]}"
        for fault in found
        for node in fault["nodes"]
    ]


@pytest.fixture
def shop(make_product: MakeProduct, picture: Picture) -> Product:
    """Products of two categories, some variants, and one without a picture."""
    for seed in range(3):
        make_product(f"Cup {seed}", category="Cups", image=picture(seed))
    for size, availability in (("S", "in_stock"), ("M", "out_of_stock"), ("L", "preorder")):
        make_product(
            "Big mug",
            group="big-mug",
            brand="Acme",
            sale_price="5",
            attributes={"size": size},
            availability=availability,
            image=picture(8),
        )
    make_product("Plain card", category="Paper")
    return make_product("Mug", sku="mug", image=picture(7), link="https://shop.example/mug")


def test_pages_of_the_catalog_have_no_fault(examine: Examine, shop: Product) -> None:
    paper = Product.objects.get(name="Plain card")
    for path in ("/", "/products/", "/products/?q=nothing", "/map/?list=1", "/map/?list=1&q=x"):
        examine(path)
    big = Product.objects.filter(group="big-mug").first()
    examine("/products/?group=big-mug&availability=preorder")
    for product in (shop, paper, big):
        examine(f"/products/{product.pk}/")


def test_results_have_no_fault(examine: Examine, shop: Product) -> None:
    big = Product.objects.filter(group="big-mug").first()
    group = f"threshold=0&group_of={big.pk}"
    for options in ("threshold=0", "threshold=1", "threshold=0&limit=2", "threshold=2", group):
        examine(f"/?query=product-{shop.pk}&{options}")
    examine("/?query=long-ago")


def test_results_of_a_photo_have_no_fault(
    examine: Examine, page: Page, shop: Product, picture: Picture, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture(7))
    page.goto("/")
    page.set_input_files("#file", photo)
    expect(page.locator(".found .card-name").first).to_have_text("Mug")
    examine()
    for button in (".sheet-open", ".query-open"):
        if page.locator(button).is_visible():
            page.locator(button).click()
            examine()
            page.keyboard.press("Escape")
    page.locator(".why-button").first.click()
    expect(page.locator("#why-look-value")).to_contain_text("%")
    examine()


def test_map_has_no_fault(examine: Examine, page: Page, shop: Product) -> None:
    examine("/map/")  # before there is one
    draw_all()
    page.goto("/map/")
    expect(page.locator("#map-status")).to_contain_text("products are on the map.")
    page.locator("#map-view").press("ArrowRight")
    expect(page.locator("#map-tip")).to_be_visible()
    examine()


def test_pages_for_what_went_wrong_have_no_fault(
    examine: Examine, page: Page, rf: RequestFactory, db: None
) -> None:
    examine("/nowhere/")
    examine("/products/?q=%00")
    request = rf.get("/")
    for answer in (server_error(request), permission_denied(request, ValueError())):
        serve(page, "/broken/", answer)
        examine("/broken/")


def serve(page: Page, path: str, answer: HttpResponse) -> None:
    """Serve an answer at an address of the site; otherwise only a real accident would show it."""
    html = answer.content.decode()
    page.unroute(f"**{path}")
    page.route(f"**{path}", lambda route: route.fulfill(body=html, content_type="text/html"))


def test_docs_of_the_api_have_no_fault_of_ours(examine: Examine, page: Page, db: None) -> None:
    page.goto("/api/docs/")
    expect(page.locator(".opblock").first).to_be_visible()
    examine(at={"exclude": [["#swagger-ui"]]})
