"""The search page on a phone: results first, the filters and the photo in sheets."""

from typing import Any

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from catalog.models import Product
from tests.browser.shops import PHONE, SNEAKER, open_shop
from tests.conftest import MakeProduct

Shop = dict[str, Product]

ROW_BOTTOM = """cards => {
    const boxes = cards.map((card) => card.getBoundingClientRect())
    return Math.max(...boxes.filter(({ top }) => top === boxes[0].top).map(({ bottom }) => bottom))
}"""
OVERFLOW = "page => page.scrollWidth - page.clientWidth"


@pytest.fixture
def device(language: str) -> dict[str, Any]:
    return PHONE | {"locale": language}


@pytest.fixture
def language() -> str:
    return "en"


@pytest.fixture
def shop(make_product: MakeProduct) -> Shop:
    return open_shop(make_product)


def search(page: Page, **options: object) -> None:
    page.goto("/")
    page.set_input_files("#camera", SNEAKER)
    expect(page.locator(".found")).to_be_visible()
    page.goto(page.url + "".join(f"&{name}={value}" for name, value in options.items()))


def box(found: Locator) -> FloatRect:
    measured = found.bounding_box()
    assert measured
    return measured


def left(found: Locator) -> float:
    return box(found)["x"]


def test_shows_the_whole_name_of_the_shop(page: Page, shop: Shop, settings: Any) -> None:
    settings.SHOP_NAME = "Gallery of the Two Rivers"
    page.goto("/")
    name = page.locator(".brand bdi")
    assert name.evaluate("it => it.scrollWidth <= it.clientWidth")
    assert box(name)["y"] + box(name)["height"] < box(page.locator(".top nav"))["y"]
    assert page.locator("html").evaluate(OVERFLOW) <= 0


@pytest.mark.parametrize("language", ["en", "de"])
def test_first_row_is_seen_without_scrolling(page: Page, shop: Shop) -> None:
    Product.objects.update(link="https://shop.example/product", brand="Corvo")
    search(page, threshold=0)
    photo = page.url
    steered = f"{photo}&category=Shoes&category=Tops&max_price=500&more={shop['11'].pk}"
    nothing = f"{photo}&category=Shoes&threshold=0.99"
    product = f"/?query=product-{shop['11'].pk}&threshold=0&q=o"
    for address in (photo, steered, nothing, product):
        page.goto(address)
        cards = page.locator(".found .grid > .card")
        assert cards.evaluate_all(ROW_BOTTOM) <= PHONE["viewport"]["height"], address
        assert page.locator("html").evaluate(OVERFLOW) <= 0, address


def test_filters_wait_in_a_sheet(page: Page, shop: Shop) -> None:
    search(page, threshold=0)
    button = page.get_by_role("button", name="Filters")
    button.focus()
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog", name="Filters")
    expect(sheet.get_by_role("heading", name="Filters")).to_be_focused()
    expect(page.locator("header.top")).to_have_attribute("inert", "")
    sheet.get_by_label("Shoes").check()
    expect(sheet.get_by_role("button", name="Show 3 products")).to_be_visible()
    expect(page.locator(".found")).to_have_attribute("inert", "")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(button).to_be_focused()
    expect(button).to_contain_text("1 filter is active")
    expect(page.locator("[inert]")).to_have_count(0)
    button.tap()
    sheet.get_by_role("link", name="Remove all filters").tap()
    expect(page.locator(".found-title")).to_have_text("6 products are at least 0% similar")
    expect(page.locator("[inert]")).to_have_count(0)


def test_photo_opens_to_be_cropped(page: Page, shop: Shop) -> None:
    search(page, threshold=0)
    photo = page.locator(".query-photo img")
    assert box(photo)["height"] <= 48
    expect(page.locator(".crop-box")).to_be_hidden()
    page.get_by_role("button", name="Enlarge your photo").tap()
    sheet = page.get_by_role("dialog", name="Your photo")
    assert box(photo)["width"] > 300
    sheet.locator(".crop-box").press("Shift+ArrowUp")
    expect(sheet).to_contain_text("the part you chose")
    page.keyboard.press("Escape")  # removes the box
    expect(sheet).to_contain_text("all of your photo")
    sheet.get_by_role("button", name="Show 6 products").tap()
    expect(sheet).to_be_hidden()


@pytest.mark.parametrize("language", ["ar"])
def test_runs_from_right_to_left(page: Page, shop: Shop) -> None:
    search(page, threshold=0)
    assert left(page.locator(".sheet-open")) < left(page.locator(".query-photo"))
    assert left(page.locator("#photo")) < left(page.locator(".sheet-open"))
    page.locator(".sheet-open").tap()
    assert left(page.locator("#threshold-value")) < left(page.locator("label[for=threshold]"))
    assert page.locator("#threshold").evaluate("it => getComputedStyle(it).direction") == "ltr"
    for path in ("/", "/products/", shop["12"].get_absolute_url(), "/map/", "/nowhere/"):
        page.goto(path)
        assert page.locator("html").evaluate("page => page.dir") == "rtl"
        assert page.locator("html").evaluate(OVERFLOW) <= 0, path
        assert left(page.locator(".top nav")) < left(page.locator(".brand"))
