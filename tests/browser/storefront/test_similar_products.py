"""<similar-products> on the example shop's pages of products."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from catalog.models import Product
from tests.browser.shops import DESKTOP, PHONE
from tests.browser.storefront.test_visual_search import CANCEL, SCRIPT
from tests.browser.test_accessibility import faults

Products = dict[str, Product]

# Before the elements are defined: the shelf is far below the window, and has all products.
FAR = """document.addEventListener("readystatechange", () => {
    const shelf = document.querySelector("similar-products")
    if (!shelf) return
    shelf.style.marginBlockStart = "2000px"
    shelf.setAttribute("threshold", 0)
}, { once: true })"""
# The answer has addresses of pictures as no browser spells them.
SPELLED = """addEventListener("visualsearch:results", ({ detail }) => {
    for (const product of detail.results) product.image_src = product.image_src.replace(/^h/, "H")
})"""
LOADS = """image => new Promise((use) => {
    let [loads, frames] = [0, 0]
    image.addEventListener("load", () => (loads += 1))
    const next = () => (++frames < 10 ? requestAnimationFrame(next) : use(loads))
    next()
})"""
PHONE_AT_NIGHT = PHONE | {"color_scheme": "dark"}


@pytest.fixture
def shelf(page: Page) -> Locator:
    return page.locator("similar-products")


@pytest.mark.parametrize(
    ("device", "language"),
    [(DESKTOP, "en"), (PHONE_AT_NIGHT, "ar")],
    ids=["desktop", "phone-dark-arabic"],
)
def test_shows_what_looks_like_the_product_once_it_is_near(
    page: Page, shelf: Locator, products: Products, asked: list[str], origin: str, language: str
) -> None:
    page.goto("/", wait_until="networkidle")  # the script is in the cache from here on
    page.add_init_script(FAR)
    page.goto("/products/11/", wait_until="networkidle")
    assert set(asked) == {SCRIPT}
    asked.clear()
    shelf.evaluate("shelf => shelf.scrollIntoView()")
    expect(shelf.locator(".name").first).to_have_text("Court Sneaker, Forest")
    expect(shelf).to_have_attribute("state", "shown")
    cards = shelf.locator(".card")
    assert cards.count() > 1
    expect(cards.first.locator("img")).to_have_js_property("complete", value=True)
    assert cards.first.locator("img").evaluate("image => image.naturalWidth") > 0
    # One round trip for the products, with the words beside them, and one for small pictures.
    assert sorted(asked[:2]) == ["/api/products/by-sku/11/similar/", "/api/widget/words/"]
    pictures = asked[2 : 2 + cards.count()]
    assert all(path.startswith("/media/thumbnails/") for path in pictures)
    assert faults(page) == []
    row = [card.bounding_box() or {} for card in cards.all()[:2]]
    assert (row[0]["x"] > row[1]["x"]) == (language == "ar")

    with page.expect_navigation(url=f"{origin}/products/12/"):
        shelf.locator(".name").first.click()


def test_takes_no_space_while_there_is_nothing_to_show(
    page: Page, shelf: Locator, products: Products, settings: Any
) -> None:
    page.goto("/products/50/")  # which the search does not have
    expect(shelf).to_have_attribute("state", "empty")
    expect(shelf).to_be_hidden()
    shelf.evaluate("shelf => shelf.setAttribute('sku', '11')")  # as a page does by script
    expect(shelf).to_have_attribute("state", "shown")
    page.evaluate(CANCEL, "results")
    shelf.evaluate("shelf => shelf.setAttribute('sku', '12')")
    expect(shelf).to_have_attribute("state", "empty")
    assert page.evaluate("() => window.cancelled")[1]["results"]


@pytest.mark.parametrize("device", [DESKTOP | {"device_scale_factor": 3}], ids=["sharp"])
def test_replaces_a_thumbnail_only_once(page: Page, shelf: Locator, products: Products) -> None:
    page.add_init_script(SPELLED)
    page.goto("/products/11/")
    image = shelf.locator("img").first
    expect(image).to_have_attribute("src", re.compile("^Http"))
    assert image.evaluate(LOADS) <= 1
