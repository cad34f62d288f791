"""What a shopper does with an answer: crop, filter, steer, load more, and ask why."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from catalog.models import Product
from tests.browser.shops import (
    DESKTOP,
    PHONE,
    SHIRT,
    SNEAKER,
    close_sheet,
    open_sheet,
    open_shop,
)
from tests.conftest import MakeProduct

Shop = dict[str, Product]
on_both = pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])

MOVE_SLIDER = """(threshold) => {
    const slider = document.querySelector("#threshold")
    slider.value = threshold
    slider.dispatchEvent(new Event("input", { bubbles: true }))
}"""


@pytest.fixture
def shop(make_product: MakeProduct) -> Shop:
    return open_shop(make_product)


def names(page: Page) -> list[str]:
    return page.locator(".found > .grid > .card:not([hidden]) .card-name").all_inner_texts()


def address(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def look_for(page: Page, photo: Any, **options: object) -> None:
    page.goto("/")
    page.set_input_files("#file", photo)
    expect(page.locator(".found")).to_be_visible()
    page.goto(page.url + "".join(f"&{name}={value}" for name, value in options.items()))


def draw_box(page: Page, *corners: tuple[float, float]) -> None:
    photo = page.locator(".query-photo")
    photo.scroll_into_view_if_needed()
    box = photo.bounding_box()
    assert box
    (x, y), (to_x, to_y) = (
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners
    )
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=3)
    page.mouse.up()


def test_crops_with_the_mouse_and_resets_in_one_click(page: Page, shop: Shop) -> None:
    look_for(page, SHIRT, threshold=0)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.method))
    before = page.locator(".match").first.inner_text()
    draw_box(page, (0.2, 0.3), (0.8, 0.7))
    expect(page.locator(".query")).to_contain_text("the part you chose")
    x, y, width, height = map(float, address(page)["crop"][0].split(","))
    assert [x, y, width, height] == pytest.approx([0.2, 0.3, 0.6, 0.4], abs=0.01)
    expect(page.locator(".match").first).not_to_have_text(before)
    shade = page.locator(".query-shade path").get_attribute("d") or ""
    draw_box(page, (0.8, 0.7), (1, 1))  # its lower right corner
    expect(page.locator(".query-shade path")).not_to_have_attribute("d", shade)
    x, y, width, height = map(float, address(page)["crop"][0].split(","))
    assert [x, y, width, height] == pytest.approx([0.2, 0.3, 0.8, 0.7], abs=0.01)
    page.locator(".crop-reset").click()
    expect(page.locator(".query")).to_contain_text("all of your photo")
    assert "crop" not in address(page)
    assert page.locator(".match").first.inner_text() == before
    page.go_back()
    expect(page.locator(".query")).to_contain_text("the part you chose")
    assert "POST" not in posts


def test_crops_with_the_keyboard(page: Page, shop: Shop) -> None:
    look_for(page, SHIRT, threshold=0)
    page.locator(".crop-box").focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("ArrowDown")
    page.wait_for_url("**crop=0,0.04,1,0.8**")
    expect(page.locator(".query")).to_contain_text("the part you chose")
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "crop" not in url)


@pytest.mark.parametrize("device", [PHONE], ids=["phone"])
def test_crops_with_a_finger(page: Page, shop: Shop) -> None:
    look_for(page, SHIRT, threshold=0)
    page.get_by_role("button", name="Enlarge your photo").tap()
    box = page.locator(".query-photo").bounding_box()
    assert box
    touch = page.context.new_cdp_session(page)
    for kind, share in (("Start", 0.1), ("Move", 0.5), ("Move", 0.7), ("End", None)):
        point = share and {"x": box["x"] + share * box["width"], "y": box["y"] + 100 * share}
        points = [point] if point else []
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    expect(page.locator(".query")).to_contain_text("the part you chose")
    assert address(page)["crop"][0].startswith("0.7,")  # its corner


def test_threshold_repaints_at_once(page: Page, shop: Shop) -> None:
    look_for(page, SNEAKER, threshold=0)
    for _ in range(3):
        page.evaluate(MOVE_SLIDER, 0.8)
        expect(page.locator(".found-title")).to_have_text("2 products are at least 80% similar")
        page.evaluate(MOVE_SLIDER, 0.0)
        expect(page.locator(".found-title")).to_have_text("6 products are at least 0% similar")
    assert address(page)["threshold"] == ["0"]


def test_threshold_hides_products_before_the_server_answers(page: Page, shop: Shop) -> None:
    look_for(page, SNEAKER, threshold=0)
    held: list[Route] = []
    page.route("**/?*threshold=0.8*", lambda route: held.append(route))
    with page.expect_request("**/?*threshold=0.8*"):
        page.evaluate(MOVE_SLIDER, 0.8)
    expect(page.locator(".found > .grid > .card:not([hidden])")).to_have_count(2)
    expect(page.locator(".found-title")).to_have_text("6 products are at least 0% similar")
    held[0].continue_()
    expect(page.locator(".found-title")).to_have_text("2 products are at least 80% similar")


@on_both
def test_filters_and_sorts_within_the_matches(page: Page, shop: Shop) -> None:
    look_for(page, SNEAKER, threshold=0)
    open_sheet(page)
    chip = page.locator(".chip", has_text="Shoes")
    expect(chip).to_contain_text("3")
    chip.locator("input").check()
    expect(page.locator(".found-title")).to_contain_text("3 products")
    expect(page.locator(".chip", has_text="Tops")).to_contain_text("2")
    page.locator("#ordering").select_option("-price")
    expect(page.locator(".found .card-name").first).to_have_text("Penny Loafer, Oxblood")
    page.fill("#max-price", "56")
    page.keyboard.press("Tab")
    expect(page.locator(".found .card-name")).to_have_text(["Court Sneaker, Chalk"])
    given = address(page)
    assert (given["category"], given["max_price"], given["ordering"]) == (
        ["Shoes"],
        ["56"],
        ["-price"],
    )
    page.reload()
    expect(page.locator(".found .card-name")).to_have_text(["Court Sneaker, Chalk"])
    open_sheet(page)
    page.fill("#max-price", "1")
    page.keyboard.press("Tab")
    expect(page.locator(".found")).to_contain_text("None of the products that match your filters")
    close_sheet(page)
    page.get_by_role("link", name="Remove all filters").last.click()
    expect(page.locator(".found-title")).to_contain_text("6 products")


@on_both
def test_leads_from_a_product_to_its_variants_and_back_and_filters_by_words(
    page: Page, shop: Shop
) -> None:
    Product.objects.filter(category__name="Shoes").update(group="shoe", brand="Acme")
    look_for(page, SNEAKER, threshold=0)
    expect(page.locator(".found .card")).to_have_count(4)
    page.get_by_role("link", name="and 2 more like Court Sneaker, Chalk").click()
    expect(page.locator(".found .card")).to_have_count(3)
    expect(page.locator(".found-title")).to_be_focused()
    open_sheet(page)
    page.locator("#words").fill("acme forest")
    page.keyboard.press("Enter")
    expect(page.locator(".found .card-name")).to_have_text(["Court Sneaker, Forest"])
    page.locator("#words").fill("")
    expect(page.locator(".found .card")).to_have_count(3)
    close_sheet(page)
    page.get_by_role("link", name="Back to all results").click()
    expect(page.locator(".found .card")).to_have_count(4)
    assert "group_of" not in address(page)


@on_both
def test_shows_the_nearest_apart_where_nothing_is_close_enough(page: Page, shop: Shop) -> None:
    look_for(page, SNEAKER, threshold=0)
    open_sheet(page)
    page.locator("#threshold").fill("0.99")
    expect(page.locator("#status")).to_contain_text("Nothing close enough")
    expect(page.locator(".nearest .card-name").first).to_have_text("Court Sneaker, Chalk")
    close_sheet(page)
    page.locator(".ways").get_by_role("link", name="Show what is similar in this catalog").click()
    expect(page.locator(".found-title")).to_have_text("2 products are at least 70% similar")
    expect(page.locator(".found-title")).to_be_focused()


def test_adds_more_without_a_jump_a_repeat_or_a_gap(page: Page, shop: Shop) -> None:
    look_for(page, SNEAKER, threshold=0, limit=2)
    for shown in (4, 6):
        more = page.get_by_role("link", name="More", exact=True)
        more.scroll_into_view_if_needed()
        before = page.evaluate("scrollY")
        more.click()
        expect(page.locator(".found .card")).to_have_count(shown)
        assert page.evaluate("scrollY") == before
    assert sorted(names(page)) == sorted(product.name for product in shop.values())
    assert address(page)["page"] == ["3"]
    expect(page.get_by_role("link", name="More", exact=True)).to_have_count(0)


def test_reads_anew_where_the_catalog_has_changed_meanwhile(page: Page, shop: Shop) -> None:
    look_for(page, SNEAKER, threshold=0, limit=2)
    shop["11"].delete()
    page.get_by_role("link", name="More", exact=True).click()
    expect(page.locator(".found .card")).to_have_count(4)
    found = names(page)
    assert found[0] == "Court Sneaker, Forest"
    assert len(set(found)) == 4


@on_both
def test_votes_move_the_search_and_can_be_taken_back(page: Page, shop: Shop) -> None:
    look_for(page, SNEAKER, threshold=0)
    before = names(page)
    shirt = shop["4"]
    page.locator(f"#more-{shirt.pk}").click()
    expect(page.locator(".steered")).to_contain_text("Breton Long Sleeve, Terracotta")
    assert address(page)["more"] == [str(shirt.pk)]
    assert names(page).index(shirt.name) < before.index(shirt.name)
    expect(page.locator(f"#more-{shirt.pk}")).to_be_focused()
    page.locator(f"#less-{shop['12'].pk}").click()
    expect(page.locator(".steered li")).to_have_count(3)
    open_sheet(page)
    page.locator("#threshold").fill("0.01")
    page.wait_for_url("**threshold=0.01**")
    close_sheet(page)
    assert address(page)["less"] == [str(shop["12"].pk)]
    page.locator(".steered .chip").first.click()
    expect(page.locator(".steered li")).to_have_count(2)
    page.get_by_text("Undo all").click()
    expect(page.locator(".steered li")).to_have_count(0)
    page.go_back()
    expect(page.locator(".steered li")).to_have_count(2)


@on_both
def test_shows_why_a_product_matches(page: Page, shop: Shop) -> None:
    look_for(page, SHIRT, threshold=0)
    page.locator(".why-button").first.click()
    dialog = page.get_by_role("dialog", name="Why this matches")
    expect(dialog.locator(".lit img")).to_have_count(2)
    expect(page.locator("#why-place")).to_contain_text("They agree most")
    shades = page.evaluate(
        """[...document.querySelectorAll(".lit canvas")].map(canvas => [canvas.width, canvas.height,
            new Set(canvas.getContext("2d").getImageData(0, 0, 7, 7).data).size])"""
    )
    assert [shade[:2] for shade in shades] == [[7, 7], [7, 7]]
    assert min(shade[2] for shade in shades) > 10  # of its regions no two agree alike
    expect(page.locator("#why-look-value")).to_contain_text("%")
    assert 0 < page.locator("#why-colour").evaluate("meter => meter.value") <= 100
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(".why-button").first).to_be_focused()


def test_product_page_offers_what_is_cheaper_and_says_why(page: Page, shop: Shop) -> None:
    page.goto(shop["12"].get_absolute_url())
    cheaper = page.get_by_role("region", name="Cheaper look-alikes")
    expect(cheaper.locator(".card-name").first).to_have_text("Court Sneaker, Chalk")
    expect(cheaper).not_to_contain_text("Penny Loafer, Oxblood")  # which costs more
    cheaper.locator(".why-button").first.click()
    expect(page.locator("#why-place")).to_contain_text("They agree most")
    page.keyboard.press("Escape")
    cheaper.get_by_role("link", name="See all of them").click()
    expect(page.locator("#max-price")).to_have_value("56.89")
