"""The search page without JavaScript: forms and links."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from catalog.models import Product
from tests.browser.shops import DESKTOP, PHONE, SNEAKER, open_sheet, open_shop
from tests.conftest import MakeProduct

Shop = dict[str, Product]


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def device(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param | {"java_script_enabled": False}


@pytest.fixture
def shop(make_product: MakeProduct) -> Shop:
    return open_shop(make_product)


def test_takes_a_photo_filters_sorts_and_turns_pages(page: Page, shop: Shop) -> None:
    page.goto("/")
    page.set_input_files("#file", SNEAKER)
    page.locator("#photo button").click()
    expect(page.locator(".found .card-name").first).to_have_text("Court Sneaker, Chalk")
    expect(page.locator(".query-photo img")).to_be_visible()
    open_sheet(page)
    page.locator("#threshold").fill("0")
    page.locator(".chip", has_text="Shoes").locator("input").check()
    page.locator("#ordering").select_option("-price")
    page.locator("#min-price").fill("55")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".found .card-name")).to_have_text(
        ["Penny Loafer, Oxblood", "Court Sneaker, Forest"]
    )
    page.goto(page.url + "&limit=1")
    page.get_by_role("link", name="More", exact=True).click()
    expect(page.locator(".found .card-name")).to_have_text(["Court Sneaker, Forest"])
    page.get_by_role("link", name="Previous").click()
    expect(page.locator(".found .card-name")).to_have_text(["Penny Loafer, Oxblood"])
    expect(page.locator(".why-button").first).to_be_hidden()


def test_takes_an_address_and_says_what_is_wrong_with_one(
    page: Page, shop: Shop, live_server: Any, settings: Any
) -> None:
    page.goto("/")
    page.fill("#image-url", live_server.url + shop["3"].image.url)
    page.locator(".address button").click()
    expect(page.locator(".problem")).to_contain_text("This address can't be fetched.")
    settings.FETCH_ALLOWED_HOSTS = [urlsplit(live_server.url).netloc]
    page.fill("#image-url", live_server.url + shop["3"].image.url)
    page.locator(".address button").click()
    expect(page.locator(".found .card-name").first).to_have_text("Breton Long Sleeve, Navy")


def test_starts_from_a_demo_photo_and_steers_by_links(page: Page, shop: Shop) -> None:
    page.goto("/")
    page.locator(".try").last.click()
    expect(page.locator(".found .card-name").first).to_have_text("Court Sneaker, Chalk")
    page.locator(f"#less-{shop['11'].pk}").click()
    expect(page.locator(".steered")).to_contain_text("Court Sneaker, Chalk")
    page.get_by_text("Undo all").click()
    expect(page.locator(".steered li")).to_have_count(0)
    page.goto(page.url + "&crop=0,0,0.5,0.5")
    open_sheet(page, ".query-open")
    page.get_by_role("link", name="Whole photo").click()
    expect(page.locator(".query")).to_contain_text("all of your photo")
    page.get_by_role("link", name="Find similar").first.click()
    expect(page.locator(".query-product")).to_be_visible()


def test_product_page_leads_on(page: Page, shop: Shop) -> None:
    page.goto(shop["12"].get_absolute_url())
    page.get_by_role("region", name="Cheaper look-alikes").get_by_role("link").nth(1).click()
    expect(page.locator("h1")).to_have_text("Court Sneaker, Chalk")
    page.locator(".buttons a", has_text="Find similar").click()
    expect(page.locator(".found .card-name").first).to_have_text("Court Sneaker, Forest")
