"""The map of the catalog in a real browser: pointer, fingers, keys, and ten thousand products."""

import re
from collections.abc import Callable
from itertools import pairwise
from statistics import median, quantiles
from typing import Any
from urllib.parse import unquote_plus

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from catalog.models import Product
from tests.browser.maps import draw_all, draw_many
from tests.browser.witness import Witness
from tests.conftest import MakeProduct, Picture

Place = Callable[[Product], tuple[float, float]]

PHONE: ViewportSize = {"width": 390, "height": 844}
ROOM = 0.88  # of the frame's sides, which the map has when all of it is seen
FRAMES = """() => {
    window.frames = [];
    const note = (now) => { window.frames.push(now); requestAnimationFrame(note) };
    requestAnimationFrame(note);
}"""
# https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio, of every mark to what is behind it
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
    """Six cups and mugs, with their map."""
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
    """Where a product is on the page, as long as all is seen."""
    points = {point[0]: point[1:3] for point in shown.request.get("/api/map/").json()["points"]}
    box = shown.locator("#map-canvas").bounding_box()
    assert box

    def find(product: Product) -> tuple[float, float]:
        x, y = points[product.pk]
        left = box["x"] + box["width"] * (0.5 + ROOM * (x - 0.5))
        return left, box["y"] + box["height"] * (0.5 + ROOM * (y - 0.5))

    return find


def test_tells_of_a_product_and_leads_to_it(
    shown: Page, products: list[Product], place: Place
) -> None:
    tip = shown.locator("#map-tip")
    shown.mouse.move(*place(products[4]))
    expect(tip).to_contain_text("Mug 4")
    expect(tip.locator("img")).to_be_visible()
    tip.hover()  # on the way from the dot it waits
    shown.wait_for_timeout(500)
    expect(tip).to_be_visible()
    shown.mouse.move(5, 5)
    expect(tip).to_be_hidden()
    shown.mouse.click(*place(products[1]))
    shown.wait_for_url(f"**/products/{products[1].pk}/")


def test_goes_from_product_to_product_by_keys(shown: Page, place: Place) -> None:
    canvas, name = shown.locator("#map-canvas"), shown.locator("#map-tip .map-tip-name")
    told = []
    for key in ("ArrowDown", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown", "ArrowRight"):
        canvas.press(key)
        expect(name).to_be_visible()
        told.append((key, Product.objects.get(name=name.inner_text())))
        expect(shown.locator("#map-status")).to_contain_text(told[-1][1].name)
    for (_, before), (key, after) in pairwise(told):
        (x, y), (left, top) = place(before), place(after)
        ahead = {"Left": x - left, "Up": y - top, "Right": left - x, "Down": top - y}
        assert before == after or ahead[key.removeprefix("Arrow")] > 0
    assert len({product for _, product in told}) > 2


def test_enter_opens_and_escape_hides(shown: Page) -> None:
    canvas, tip = shown.locator("#map-canvas"), shown.locator("#map-tip")
    canvas.press("ArrowDown")
    expect(tip).to_be_visible()
    canvas.press("Escape")
    expect(tip).to_be_hidden()
    canvas.press("ArrowDown")
    product = Product.objects.get(name=tip.locator(".map-tip-name").inner_text())
    canvas.press("Enter")
    shown.wait_for_url(f"**/products/{product.pk}/")


def test_keys_buttons_and_wheel_zoom(shown: Page) -> None:
    canvas = shown.locator("#map-canvas")
    whole = picture_of(canvas)
    for nearer, back in (("+", "-"), ("=", "0")):
        canvas.press(nearer)
        assert picture_of(canvas) != whole
        canvas.press(back)
        assert picture_of(canvas) == whole
    for button in ("Zoom out", "All"):
        shown.get_by_role("button", name="Zoom in").click()
        assert picture_of(canvas) != whole
        shown.get_by_role("button", name=button).click()
        assert picture_of(canvas) == whole
    canvas.hover(position={"x": 40, "y": 40})
    shown.mouse.wheel(0, -200)
    assert picture_of(canvas) != whole


def test_drags_and_pans(shown: Page, products: list[Product], place: Place) -> None:
    canvas, tip = shown.locator("#map-canvas"), shown.locator("#map-tip")
    shown.emulate_media(reduced_motion="reduce")
    canvas.press("ArrowDown")
    canvas.press("+")
    expect(tip).to_be_visible()
    before = middle(tip)
    canvas.press("Shift+ArrowLeft")
    expect_moved(tip, before)
    canvas.press("Shift+ArrowRight")
    expect_back(tip, before)
    canvas.press("0")
    shown.evaluate("() => new Promise(requestAnimationFrame)")  # in which all of it is seen again
    canvas.press("Escape")
    x, y = place(products[0])
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
        shown.locator("#map-canvas").press(key)
        told.add(shown.locator("#map-tip .map-tip-name").inner_text()[:3])
    assert told == {"Mug"}
    shown.reload()
    expect(shown.get_by_label("Mugs")).to_be_checked()


def test_fingers_tap_and_pinch(browser: Browser, live_server: Any, products: list[Product]) -> None:
    with browser.new_context(base_url=live_server.url, viewport=PHONE, has_touch=True) as context:
        witness, page = Witness(context), context.new_page()
        page.goto("/map/")
        canvas, tip = page.locator("#map-canvas"), page.locator("#map-tip")
        whole = picture_of(canvas)
        pinch(canvas)
        assert picture_of(canvas) != whole
        page.get_by_role("button", name="All").tap()
        assert picture_of(canvas) == whole
        _, x, y, _ = page.request.get("/api/map/").json()["points"][0]
        box = canvas.bounding_box()
        assert box
        page.touchscreen.tap(
            box["x"] + box["width"] * (0.5 + ROOM * (x - 0.5)),
            box["y"] + box["height"] * (0.5 + ROOM * (y - 0.5)),
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
    page.locator("#map-canvas").hover()
    assert not [url for url in asked if "/media/" in url]
    page.evaluate(FRAMES)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(400 + 5 * step, 400 + 2 * step)
    page.mouse.up()
    for _ in range(15):
        page.mouse.wheel(0, -40)
    times = [after - before for before, after in pairwise(page.evaluate("() => window.frames"))]
    slow = quantiles(times, n=20)[-1]
    print(f"{len(times)} frames: {median(times):.0f} ms, 19 of 20 in {slow:.0f} ms")
    assert median(times) < 34
    assert slow < 100
    page.locator("#map-canvas").press("ArrowDown")
    for _ in range(8):
        page.locator("#map-canvas").press("+")
    expect(page.locator("#map-tip img")).to_be_visible()
    picture_of(page.locator("#map-canvas"))
    thumbnails = [url for url in asked if url.count("id=") > 1]
    assert len(thumbnails) > 0
    assert max(url.count("id=") for url in thumbnails) <= 60


def test_says_that_there_is_no_map_yet(page: Page, db: None) -> None:
    page.goto("/map/")
    expect(page.locator("#map-status")).to_have_text(
        "The map is not drawn yet. The list has all products already."
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


def middle(tip: Locator) -> tuple[int, int]:
    box = tip.bounding_box()
    assert box
    return round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)


def expect_moved(tip: Locator, before: tuple[int, int]) -> None:
    expect(tip).to_be_visible()
    for _ in range(50):
        if max(abs(a - b) for a, b in zip(middle(tip), before, strict=True)) > 10:
            return
        tip.page.wait_for_timeout(20)
    raise AssertionError(f"still at {before}")


def expect_back(tip: Locator, before: tuple[int, int]) -> None:
    for _ in range(50):
        if max(abs(a - b) for a, b in zip(middle(tip), before, strict=True)) <= 2:
            return
        tip.page.wait_for_timeout(20)
    raise AssertionError(f"at {middle(tip)}, not back at {before}")


def picture_of(canvas: Locator) -> str:
    """What is drawn as soon as nothing moves or arrives any more, as a data: URL."""
    before, now = "", canvas.evaluate("canvas => canvas.toDataURL()")
    while now != before:
        canvas.page.wait_for_timeout(300)
        before, now = now, canvas.evaluate("canvas => canvas.toDataURL()")
    return str(now)


def pinch(canvas: Locator) -> None:
    """Two fingers go apart."""
    box = canvas.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = canvas.page.context.new_cdp_session(canvas.page)
    for kind, apart in (("Start", 20), ("Move", 60), ("Move", 120)):
        fingers = [{"x": x + way * apart / 2, "y": y, "id": way + 1} for way in (-1, 1)]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": fingers})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
