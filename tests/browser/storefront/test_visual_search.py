"""<visual-search> in the example shop: with a mouse, with a finger, and with the keyboard."""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from catalog.models import Category, Product
from tests.browser.shops import DESKTOP, PHONE, SHIRT, SNEAKER
from tests.browser.test_accessibility import faults
from tests.browser.test_search_page import give
from tests.browser.witness import Witness

Products = dict[str, Product]

SCRIPT = "/static/widget/1.0/visual-search.js"
# What the elements tell the page, in order.
LISTEN = """() => {
    window.told = []
    for (const name of ["open", "results", "select"])
        addEventListener(`visualsearch:${name}`, ({ type }) => window.told.push(type.split(":")[1]))
}"""
CANCEL = """name => addEventListener(`visualsearch:${name}`, (event) => {
    window.cancelled = [event.cancelable, event.detail]
    event.preventDefault()
}, { once: true })"""

DROP = """(dialog, picture) => {
    const data = new DataTransfer()
    const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0))
    data.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }))
    for (const type of ["dragover", "drop"])
        dialog.dispatchEvent(new DragEvent(type, { dataTransfer: data, cancelable: true }))
}"""
CROPPED = re.compile(r"\bcropped\b")
OVERFLOW = "() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


@pytest.fixture
def dialog(page: Page) -> Locator:
    return page.locator("visual-search .dialog")


def names(dialog: Locator) -> Locator:
    """The names of the products found."""
    return dialog.locator(".name[href]")


def wait_for(dialog: Locator) -> None:
    """Wait until the results of the last search are there."""
    expect(dialog.locator(".found")).not_to_have_attribute("aria-busy", "true")


def press_until(page: Page, wanted: Locator) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(40):
        if wanted.evaluate("element => element.matches(':focus')"):
            return
        page.keyboard.press("Tab")
    expect(wanted).to_be_focused()


def drop(dialog: Locator, picture: Path) -> None:
    """Drop a picture on the dialog."""
    dialog.evaluate(DROP, b64encode(picture.read_bytes()).decode())


def drag(page: Page, photo: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the mouse from one point of the photo to another; both in shares of its sides."""
    box = photo.bounding_box()
    assert box
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=3)
    page.mouse.up()


def pull(
    context: BrowserContext,
    page: Page,
    photo: Locator,
    start: tuple[float, float],
    end: tuple[float, float],
) -> None:
    """Drag a finger from one point of the photo to another; both in shares of its sides."""
    photo.scroll_into_view_if_needed()
    box = photo.bounding_box()
    assert box
    gesture = {
        "x": box["x"] + start[0] * box["width"],
        "y": box["y"] + start[1] * box["height"],
        "xDistance": (end[0] - start[0]) * box["width"],
        "yDistance": (end[1] - start[1]) * box["height"],
        "gestureSourceType": "touch",
    }
    context.new_cdp_session(page).send("Input.synthesizeScrollGesture", gesture)


def test_searches_with_a_mouse(
    page: Page, dialog: Locator, products: Products, asked: list[str], witness: Witness, origin: str
) -> None:
    Category.objects.filter(name="Home").update(name="constructor")  # which all objects have
    page.goto("/", wait_until="networkidle")
    page.evaluate(LISTEN)
    assert asked == [SCRIPT]  # nothing else is downloaded before it is used
    camera = page.get_by_role("button", name="Search with a photo")
    camera.click()
    expect(dialog.get_by_text("Drop a photo here")).to_be_visible()
    assert faults(page) == []
    with page.expect_file_chooser() as choosing:
        dialog.get_by_text("Drop a photo here").click()
    choosing.value.set_files(SNEAKER)
    expect(names(dialog).first).to_have_text("Court Sneaker, Chalk")
    card = dialog.locator(".card").first
    expect(card.locator(".match")).to_contain_text("very close")
    expect(card.locator(".price")).to_have_text("$54.90")
    expect(card.locator("img")).to_have_js_property("complete", value=True)
    assert card.locator("img").evaluate("image => image.naturalWidth") > 0
    assert faults(page) == []

    photo = dialog.locator(".photo")  # a part of it
    drag(page, photo, (0.15, 0.3), (0.8, 0.85))
    expect(photo).to_have_class(CROPPED)
    wait_for(dialog)
    dialog.get_by_role("button", name="Whole photo").click()
    expect(photo).not_to_have_class(CROPPED)

    slider = dialog.get_by_role("slider", name="At least this similar")  # nothing is that similar
    slider.fill("1")
    expect(dialog.get_by_role("heading", name="Nothing close enough")).to_be_visible()
    expect(dialog.get_by_role("heading", name="The closest ones")).to_be_visible()
    assert names(dialog).count() > 1
    dialog.get_by_role("button", name="Show what is similar").click()
    expect(dialog.get_by_role("heading", name="products are at least")).to_be_visible()
    expect(slider).not_to_have_value("1")
    slider.fill("0")
    expect(dialog.locator(".chip", has_text="Tops")).to_be_visible()
    expect(dialog.get_by_role("checkbox", name="constructor")).to_be_visible()
    dialog.locator(".chip", has_text="Tops").click()
    expect(names(dialog).first).to_contain_text("Breton")
    expect(dialog.locator("summary")).to_contain_text("1")
    dialog.get_by_label("At most").fill("1")
    expect(dialog.get_by_text("None of the products that match your filters")).to_be_visible()
    dialog.get_by_role("button", name="Remove all filters").click()
    expect(names(dialog).first).to_have_text("Court Sneaker, Chalk")

    dialog.get_by_role("button", name="Less like this").first.click()
    expect(dialog.get_by_label("Your votes")).to_contain_text("Court Sneaker, Chalk")
    assert faults(page) == []
    dialog.get_by_role("button", name="Undo: less like").click()
    expect(dialog.get_by_label("Your votes")).to_be_hidden()
    dialog.get_by_role("button", name="Find similar").first.click()
    expect(dialog.get_by_text("The results are similar to this product.")).to_be_visible()
    wait_for(dialog)
    dialog.get_by_role("button", name="Back to all results").click()
    expect(photo).to_be_visible()

    told = page.evaluate("() => window.told")
    assert told[0] == "open"
    assert set(told[1:]) == {"results"}
    with page.expect_navigation(url=f"{origin}/products/11/"):
        names(dialog).first.click()  # of the search; the shop's script takes the shopper here
    assert [policy.startswith("default-src 'none'") for policy in witness.policies] == [True]


@pytest.mark.parametrize(
    ("device", "language"), [(PHONE | {"color_scheme": "dark"}, "ar")], ids=["phone-dark-arabic"]
)
def test_searches_with_a_finger(
    page: Page, dialog: Locator, products: Products, context: BrowserContext
) -> None:
    page.goto("/")
    page.get_by_role("button", name="البحث بصورة").tap()
    camera = dialog.locator("input[capture=environment]")
    expect(camera.locator("..")).to_be_visible()
    expect(dialog.locator(".mouse").first).to_be_hidden()
    expect(dialog).to_have_css("direction", "rtl")
    assert faults(page) == []
    camera.set_input_files(SNEAKER)
    expect(names(dialog).first).to_have_text("Court Sneaker, Chalk")
    assert faults(page) == []
    assert page.evaluate(OVERFLOW) <= 0
    # Results come first: a whole row of them is seen without scrolling.
    row = dialog.locator(".grid .card").nth(1).bounding_box()
    assert row
    assert row["y"] + row["height"] <= PHONE["viewport"]["height"]
    # What is first in a row is on the right.
    first = dialog.locator(".grid .card").first.bounding_box()
    assert first
    assert first["x"] > row["x"]

    dialog.locator(".photo").tap()  # makes it large enough to draw on
    expect(dialog.locator(".query")).to_have_class(re.compile("large"))
    pull(context, page, dialog.locator(".photo"), (0.15, 0.3), (0.8, 0.85))
    expect(dialog.locator(".photo")).to_have_class(CROPPED)
    wait_for(dialog)
    assert faults(page) == []
    dialog.locator("summary").tap()
    dialog.locator("[name=threshold]").fill("0")
    dialog.locator(".chip", has_text="Shoes").tap()
    expect(dialog.locator("summary")).to_contain_text("1")
    wait_for(dialog)
    assert faults(page) == []
    dialog.locator(".vote").first.tap()
    expect(dialog.locator(".found .chip")).to_be_visible()
    dialog.locator(".similar").first.tap()
    expect(dialog.locator(".query img")).to_be_visible()
    wait_for(dialog)
    assert faults(page) == []
    dialog.locator(".back").tap()
    dialog.locator(".close").tap()
    expect(dialog).to_be_hidden()


def test_searches_with_the_keyboard(
    page: Page, dialog: Locator, products: Products, live_server: Any, settings: Any
) -> None:
    settings.FETCH_ALLOWED_HOSTS = [urlsplit(live_server.url).netloc]
    page.goto("/")
    page.get_by_role("searchbox").focus()
    page.keyboard.press("Tab")
    camera = page.get_by_role("button", name="Search with a photo")
    expect(camera).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.locator("input[type=file]").first).to_be_focused()
    press_until(page, dialog.get_by_label("Address of a picture"))
    page.keyboard.type(live_server.url + products["3"].image.url)
    page.keyboard.press("Enter")
    expect(names(dialog).first).to_have_text("Breton Long Sleeve, Navy")
    expect(dialog.locator(".match").first).to_contain_text("exact")
    expect(dialog.locator("#found")).to_be_focused()

    give(page, "paste", picture=SNEAKER)
    expect(names(dialog).first).to_have_text("Court Sneaker, Chalk")
    photo = dialog.locator(".photo")
    box = dialog.get_by_role("button", name="The part of the photo to search for")
    press_until(page, box)
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowRight")
    expect(photo).to_have_class(CROPPED)
    wait_for(dialog)
    expect(box).to_be_focused()
    page.keyboard.press("Escape")  # removes the box, and leaves the dialog open
    expect(photo).not_to_have_class(CROPPED)
    wait_for(dialog)
    slider = dialog.get_by_role("slider", name="At least this similar")
    press_until(page, slider)
    page.keyboard.press("Home")
    expect(dialog.get_by_role("heading", name="at least 0% similar")).to_be_visible()
    expect(slider).to_be_focused()
    vote = dialog.get_by_role("button", name="More like this").first
    press_until(page, vote)
    page.keyboard.press("Space")
    expect(dialog.get_by_label("Your votes")).to_be_visible()
    expect(vote).to_be_focused()
    expect(vote).to_have_attribute("aria-pressed", "true")

    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(camera).to_be_focused()
    page.keyboard.press("Enter")
    expect(names(dialog).first).to_be_visible()  # where the shopper left
    page.keyboard.press("Escape")


@pytest.mark.parametrize("device", [DESKTOP | {"color_scheme": "dark"}], ids=["desktop-dark"])
def test_takes_what_is_dropped_and_shows_more(
    page: Page, dialog: Locator, products: Products
) -> None:
    page.goto("/")
    page.locator("visual-search").evaluate(
        """element => Object.entries({ limit: 2, threshold: 0, collapse: "none" })
            .forEach(([name, value]) => element.setAttribute(name, value))"""
    )
    page.get_by_role("button", name="Search with a photo").click()
    expect(dialog.locator(".drop")).to_be_visible()
    drop(dialog, SHIRT)
    expect(names(dialog)).to_have_count(2)
    assert faults(page) == []
    for count in (4, 6):
        dialog.get_by_role("button", name="More", exact=True).click()
        expect(names(dialog)).to_have_count(count)
        expect(names(dialog).nth(count - 2)).to_be_focused()
    expect(dialog.get_by_role("button", name="More", exact=True)).to_be_hidden()


def test_lets_the_page_do_it_instead(
    page: Page, dialog: Locator, products: Products, asked: list[str]
) -> None:
    page.goto("/", wait_until="networkidle")
    camera = page.get_by_role("button", name="Search with a photo")
    page.evaluate(CANCEL, "open")
    camera.click()
    assert page.evaluate("() => window.cancelled") == [True, None]
    expect(dialog).to_be_hidden()
    assert asked == [SCRIPT]
    camera.click()
    expect(dialog.locator(".drop")).to_be_visible()
    page.evaluate(CANCEL, "results")
    dialog.locator("input[type=file]").first.set_input_files(SNEAKER)
    expect(dialog).to_be_hidden()
    answer = page.evaluate("() => window.cancelled")[1]
    assert answer["results"][0]["sku"] == "11"
