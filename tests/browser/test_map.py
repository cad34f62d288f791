"""The map of the catalog in a real browser: pointer, fingers, keys, and ten thousand products."""

import re
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any
from urllib.parse import unquote_plus

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from catalog.models import Product
from tests.browser.maps import draw_all, draw_many
from tests.browser.witness import Witness
from tests.conftest import MakeProduct, Picture
from tests.waiting import until

Place = Callable[[Product], tuple[float, float]]

PHONE: ViewportSize = {"width": 390, "height": 844}
FILLED = 0.88  # share of the frame's sides that the whole map fills
COUNT_FRAMES = """() => {
    const frames = window.frames = [];
    const note = (now) => {
        frames.push(now);
        if (window.frames === frames) requestAnimationFrame(note);
    };
    requestAnimationFrame(note);
}"""
# The contrast of every mark to its background: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
CONTRASTS = """() => {
    const style = getComputedStyle(document.querySelector(".map"));
    const light = (name) => {
        const hex = style.getPropertyValue(name).trim().replace(/^#(.)(.)(.)$/, "#$1$1$2$2$3$3");
        const [r, g, b] = hex.match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16) / 255)
            .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return [0, 1, 2, 3, 4, 5, 6].map((i) => ratio(light(`--dot-${i}`), light("--raised")));
}"""


@pytest.fixture
def products(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Six cups and mugs, on a map."""
    made = [
        make_product(f"{name} {seed}", category=f"{name}s", image=picture(seed))
        for name, seeds in (("Cup", range(3)), ("Mug", range(3, 6)))
        for seed in seeds
    ]
    draw_all()
    return made


@pytest.fixture
def shown(page: Page, products: list[Product]) -> Page:
    """The page of their map."""
    page.goto("/map/")
    expect(page.locator("#map-status")).to_have_text("6 of 6 products are on the map.")
    return page


@pytest.fixture
def place(shown: Page) -> Place:
    """Returns a product's place on the page while the whole map is seen."""
    points = {point[0]: point[1:3] for point in shown.request.get("/api/map/").json()["points"]}
    box = shown.locator("#map-view").bounding_box()
    assert box

    def find(product: Product) -> tuple[float, float]:
        x, y = points[product.pk]
        left = box["x"] + box["width"] * (0.5 + FILLED * (x - 0.5))
        return left, box["y"] + box["height"] * (0.5 + FILLED * (y - 0.5))

    return find


def test_shows_a_product_and_leads_to_it(
    shown: Page, products: list[Product], place: Place
) -> None:
    tip = shown.locator("#map-tip")
    shown.mouse.move(*place(products[4]))
    expect(tip).to_contain_text("Mug 4")
    expect(tip).to_contain_text("Mugs · $9.99")
    expect(tip.locator("img")).to_be_visible()
    tip.hover()  # it stays while the mouse moves to it from the product
    shown.wait_for_timeout(500)
    expect(tip).to_be_visible()
    shown.mouse.move(5, 5)
    expect(tip).to_be_hidden()
    shown.mouse.click(*place(products[1]))
    shown.wait_for_url(f"**/products/{products[1].pk}/")


def test_goes_from_product_to_product_by_keys(shown: Page, place: Place) -> None:
    view, name = shown.locator("#map-view"), shown.locator("#map-tip .map-tip-name")
    told = []
    for key in ("ArrowDown", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowRight"):
        view.press(key)
        expect(name).to_be_visible()
        told.append((key, Product.objects.get(name=name.inner_text())))
        expect(shown.locator("#map-status")).to_contain_text(told[-1][1].name)
    for (_, before), (key, after) in pairwise(told):
        (x, y), (left, top) = place(before), place(after)
        ahead = {"Left": x - left, "Up": y - top, "Right": left - x, "Down": top - y}
        assert before == after or ahead[key.removeprefix("Arrow")] > 0
    assert len({product for _, product in told}) > 2


def test_enter_opens_and_escape_hides(shown: Page) -> None:
    view, tip = shown.locator("#map-view"), shown.locator("#map-tip")
    view.press("ArrowDown")
    expect(tip).to_be_visible()
    view.press("Escape")
    expect(tip).to_be_hidden()
    view.press("ArrowDown")
    product = Product.objects.get(name=tip.locator(".map-tip-name").inner_text())
    view.press("Enter")
    shown.wait_for_url(f"**/products/{product.pk}/")


def test_keys_buttons_and_wheel_zoom(shown: Page) -> None:
    view = shown.locator("#map-view")
    whole = picture_of(view)
    for nearer, back in (("+", "-"), ("=", "0")):
        view.press(nearer)
        assert picture_of(view) != whole
        view.press(back)
        assert picture_of(view) == whole
    for button in ("Zoom out", "All"):
        shown.get_by_role("button", name="Zoom in").click()
        assert picture_of(view) != whole
        shown.get_by_role("button", name=button).click()
        assert picture_of(view) == whole
    view.hover(position={"x": 40, "y": 40})
    shown.mouse.wheel(0, -200)
    assert picture_of(view) != whole


def test_drags_and_pans(shown: Page, products: list[Product], place: Place) -> None:
    view, tip = shown.locator("#map-view"), shown.locator("#map-tip")
    shown.emulate_media(reduced_motion="reduce")
    view.press("ArrowDown")
    view.press("+")
    expect(tip).to_be_visible()
    before = middle(tip)
    view.press("Shift+ArrowLeft")
    expect_moved(tip, before)
    view.press("Shift+ArrowRight")
    expect_back(tip, before)
    view.press("0")
    view.press("Escape")
    x, y = place(products[0])
    shown.mouse.move(x, y)
    expect(tip).to_contain_text(products[0].name)
    view.press("+")  # around this product, so that there is room to drag
    view.press("Escape")
    shown.mouse.move(x + 60, y)
    shown.mouse.down()
    shown.mouse.move(x + 20, y + 30, steps=4)
    shown.mouse.up()
    expect(tip).to_be_hidden()
    shown.mouse.move(x - 40, y + 30)
    expect(tip).to_contain_text(products[0].name)
    assert shown.url.endswith("/map/"), "a drag is no click"


def test_shows_chosen_categories_alone(shown: Page, products: list[Product], place: Place) -> None:
    shown.get_by_label("Mugs").check()
    assert shown.url.endswith("/map/?category=Mugs")
    expect(shown.locator("#map-list")).to_have_attribute(
        "href", re.compile(r"/map/\?list=1&category=Mugs$")
    )
    told = set()
    for key in ("ArrowDown", *("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown") * 3):
        shown.locator("#map-view").press(key)
        told.add(shown.locator("#map-tip .map-tip-name").inner_text()[:3])
    assert told == {"Mug"}
    shown.reload()
    expect(shown.get_by_label("Mugs")).to_be_checked()


def test_fingers_tap_and_pinch(browser: Browser, live_server: Any, products: list[Product]) -> None:
    with browser.new_context(base_url=live_server.url, viewport=PHONE, has_touch=True) as context:
        witness, page = Witness(context), context.new_page()
        page.goto("/map/")
        view, tip = page.locator("#map-view"), page.locator("#map-tip")
        expect(view).to_be_visible()
        whole = picture_of(view)
        pinch(view)
        assert picture_of(view) != whole
        page.get_by_role("button", name="All").tap()
        assert picture_of(view) == whole
        _, x, y, _ = page.request.get("/api/map/").json()["points"][0]
        box = view.bounding_box()
        assert box
        page.touchscreen.tap(
            box["x"] + box["width"] * (0.5 + FILLED * (x - 0.5)),
            box["y"] + box["height"] * (0.5 + FILLED * (y - 0.5)),
        )
        tip.tap()
        page.wait_for_url(f"**/products/{products[0].pk}/")
        assert witness.heard == []


def test_marks_stand_out_in_light_and_dark(shown: Page) -> None:
    for scheme in ("light", "dark"):
        shown.emulate_media(color_scheme=scheme)
        contrasts = shown.evaluate(CONTRASTS)
        assert min(contrasts) >= 3, (scheme, contrasts)


def test_ten_thousand_products_move_smoothly(
    page: Page, make_product: MakeProduct, picture: Picture
) -> None:
    draw_many(10_000, make_product(image=picture(1)).image.name)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/map/")
    expect(page.locator("#map-status")).to_have_text("10,000 of 10,000 products are on the map.")
    assert not [url for url in asked if "/media/" in url]
    page.locator("#map-view").hover()  # which may show the tip of a product, with its picture
    idle = frame_times(
        page, lambda: until(lambda: page.evaluate("() => window.frames.length > 60"))
    )
    busy = frame_times(page, lambda: drag_and_zoom(page))
    print(f"idle: {median(idle):.0f} ms, moving: {median(busy):.0f} ms, most {max(busy):.0f} ms")
    assert median(busy) < 3 * median(idle)  # what else runs on the machine slows down both
    view = page.locator("#map-view")
    view.press("0")
    view.press("ArrowDown")
    expect(page.locator("#map-tip img")).to_be_visible()
    for _ in range(8):  # until few enough are seen for pictures
        view.press("+")
        picture_of(view)
        if page.locator(".map-picture").count():
            break
    pictures = [url.count("id=") for url in asked if url.count("id=") > 1]
    assert len(pictures) > 0
    assert max(pictures) <= 60


def test_says_that_there_is_no_map_yet(page: Page, db: None) -> None:
    page.goto("/map/")
    expect(page.locator("#map-status")).to_have_text(
        "The map has not been drawn yet. The list already has all products."
    )
    expect(page.locator("#map")).to_be_hidden()


def test_leads_to_the_list_without_a_script(
    browser: Browser, live_server: Any, products: list[Product]
) -> None:
    with browser.new_context(base_url=live_server.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto("/map/")
        page.get_by_role("link", name="The list has the same products.").click()
        page.get_by_label("Category").select_option("Mugs")
        page.get_by_role("button", name="Show").click()
        assert unquote_plus(page.url).endswith("/map/?list=1&category=Mugs")
        expect(page.locator(".listed li")).to_have_count(3)
        page.get_by_role("link", name="Mug 3").click()
        expect(page.locator("h1")).to_have_text("Mug 3")


def frame_times(page: Page, act: Callable[[], object]) -> list[float]:
    """Milliseconds from frame to frame while something goes on."""
    page.evaluate(COUNT_FRAMES)
    act()
    frames = page.evaluate("() => window.frames")
    return [after - before for before, after in pairwise(frames)]


def drag_and_zoom(page: Page) -> None:
    page.mouse.down()
    for step in range(60):
        page.mouse.move(400 + 5 * step, 400 + 2 * step)
    page.mouse.up()
    for _ in range(15):
        page.mouse.wheel(0, -40)


def middle(tip: Locator) -> tuple[int, int]:
    box = tip.bounding_box()
    assert box
    return round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)


def expect_moved(tip: Locator, before: tuple[int, int]) -> None:
    until(lambda: distance(middle(tip), before), lambda pixels: pixels > 10)


def expect_back(tip: Locator, before: tuple[int, int]) -> None:
    until(lambda: distance(middle(tip), before), lambda pixels: pixels <= 2)


def distance(a: tuple[int, int], b: tuple[int, int]) -> int:
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def picture_of(view: Locator) -> str:
    """What the map shows once nothing moves or arrives any more."""
    before, now = "", shot(view)
    while now != before:
        view.page.wait_for_timeout(300)
        before, now = now, shot(view)
    return now


def shot(view: Locator) -> str:
    """A screenshot of the map without its edge and its buttons, for comparison with others.

    Playwright's own would add a style element to the page, which the policy refuses.
    """
    box = view.bounding_box()
    assert box
    scrolled = view.page.evaluate("scrollY")  # the clip counts from the top of the page
    clip = {"x": box["x"] + 10, "y": box["y"] + scrolled + 10, "scale": 1}
    clip |= {"width": box["width"] - 20, "height": box["height"] - 90}
    session = view.page.context.new_cdp_session(view.page)
    try:
        options = {"clip": clip, "captureBeyondViewport": True}
        return str(session.send("Page.captureScreenshot", options)["data"])
    finally:
        session.detach()


def pinch(view: Locator) -> None:
    """Move two fingers apart."""
    box = view.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = view.page.context.new_cdp_session(view.page)
    for kind, apart in (("Start", 20), ("Move", 60), ("Move", 120)):
        fingers = [{"x": x + way * apart / 2, "y": y, "id": way + 1} for way in (-1, 1)]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": fingers})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
