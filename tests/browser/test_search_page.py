"""The ways to start a search, on a desktop and on a phone."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from catalog.models import Product
from tests.browser.shops import DESKTOP, PHONE, SHIRT, SNEAKER, open_shop
from tests.conftest import MakeProduct

Shop = dict[str, Product]
on_both = pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])

# What a browser does when a picture or an address is dropped or pasted.
GIVE = """([event, picture, address]) => {
    const data = new DataTransfer()
    if (address) data.setData("text/plain", address)
    if (picture) {
        const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0))
        data.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }))
    }
    const given = { bubbles: true, cancelable: true }
    document.body.dispatchEvent(event === "paste"
        ? new ClipboardEvent(event, { ...given, clipboardData: data })
        : new DragEvent(event, { ...given, dataTransfer: data }))
}"""


@pytest.fixture
def shop(make_product: MakeProduct) -> Shop:
    return open_shop(make_product)


def first(page: Page) -> Any:
    """The name of the best match."""
    return page.locator(".found .card-name").first


def give(page: Page, event: str, *, picture: Path | None = None, address: str = "") -> None:
    data = b64encode(picture.read_bytes()).decode() if picture else ""
    page.evaluate(GIVE, [event, data, address])


@on_both
def test_finds_a_chosen_photo_at_an_address_that_can_be_reloaded(page: Page, shop: Shop) -> None:
    page.goto("/")
    page.set_input_files("#file", SNEAKER)
    expect(first(page)).to_have_text("Court Sneaker, Chalk")
    expect(page.locator(".query-photo img")).to_be_visible()
    expect(page.locator(".found .band").first).to_have_text("very close")
    expect(page.locator(".found")).to_contain_text("6 products searched in")
    expect(page.locator("#status")).to_contain_text("similar")
    page.reload()
    expect(first(page)).to_have_text("Court Sneaker, Chalk")


@on_both
def test_takes_a_photo_with_the_camera_of_a_phone(
    page: Page, shop: Shop, device: dict[str, Any]
) -> None:
    page.goto("/")
    expect(page.get_by_text("Take a photo")).to_be_visible(visible=device is PHONE)
    assert page.locator("#camera").get_attribute("capture") == "environment"
    page.set_input_files("#camera", SNEAKER)
    expect(first(page)).to_have_text("Court Sneaker, Chalk")


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_takes_a_picture_anywhere_on_the_page(page: Page, shop: Shop, event: str) -> None:
    page.goto("/?query=product-" + str(shop["3"].pk))
    give(page, event, picture=SNEAKER)
    expect(first(page)).to_have_text("Court Sneaker, Chalk")


@pytest.mark.parametrize("event", ["drop", "paste", "type"])
def test_takes_the_address_of_a_picture(
    page: Page, shop: Shop, event: str, live_server: Any, settings: Any
) -> None:
    settings.FETCH_ALLOWED_HOSTS = [urlsplit(live_server.url).netloc]
    address = live_server.url + shop["3"].image.url
    page.goto("/")
    if event == "type":
        page.fill("#image-url", address)
        page.locator(".address button").click()
    else:
        give(page, event, address=address)
    expect(first(page)).to_have_text("Breton Long Sleeve, Navy")
    expect(page.locator(".found .match").first).to_contain_text("exact")


@on_both
def test_starts_from_a_demo_photo_or_a_product(page: Page, shop: Shop) -> None:
    page.goto("/")
    page.locator(".try").last.click()
    expect(first(page)).to_have_text("Court Sneaker, Chalk")
    page.locator(".found .card").first.get_by_text("Find similar").click()
    expect(first(page)).to_have_text("Court Sneaker, Forest")
    expect(page.locator(".query-product")).to_contain_text("Court Sneaker, Chalk")
    page.go_back()
    expect(page.locator(".query-photo img")).to_be_visible()
    page.go_forward()
    expect(page.locator(".query-product")).to_be_visible()


def test_makes_large_photos_smaller_and_keeps_them_upright(
    page: Page, shop: Shop, settings: Any, tmp_path: Path
) -> None:
    settings.MAX_IMAGE_MEGAPIXELS = 1.1
    lying = Image.open(SNEAKER).resize((3000, 2400)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    lying.save(tmp_path / "photo.jpg", exif=exif)
    page.goto("/")
    page.set_input_files("#file", tmp_path / "photo.jpg")
    expect(first(page)).to_have_text("Court Sneaker, Chalk")
    photo = page.locator(".query-photo img").bounding_box()
    assert photo
    assert photo["width"] / photo["height"] == pytest.approx(1.25, abs=0.02)


def test_second_search_ends_the_first(page: Page, shop: Shop) -> None:
    held: list[Route] = []
    ended: list[str] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.fallback()
        else:
            held.append(route)

    page.goto("/")
    page.route("/", hold_the_first)
    page.on("requestfailed", lambda request: ended.append(request.method))
    with page.expect_request(lambda request: request.method == "POST"):
        page.set_input_files("#file", SNEAKER)
    expect(page.locator("#busy")).to_have_text("Searching for similar products…")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    page.set_input_files("#file", SHIRT)
    expect(first(page)).to_have_text("Breton Long Sleeve, Navy")
    expect(page.locator("#busy")).to_be_hidden()
    assert ended == ["POST"]


@on_both
def test_says_what_went_wrong_and_what_to_do(page: Page, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "words.jpg").write_text("no picture")
    page.goto("/")
    page.set_input_files("#file", tmp_path / "words.jpg")
    expect(page.locator(".problem")).to_contain_text("This is not a picture we can read.")
    page.route("/", lambda route: route.abort())
    page.set_input_files("#file", SNEAKER)
    expect(page.locator(".problem")).to_contain_text("Please check your connection")
    expect(page.locator("#busy")).to_be_hidden()
    page.goto("/?query=aaaaaaaaaaaaaaaa")
    expect(page.locator(".problem")).to_contain_text("Please give the picture again.")


def test_says_what_happens_to_the_photo(page: Page, shop: Shop) -> None:
    page.goto("/")
    expect(page.locator("#privacy")).to_contain_text("kept for an hour")


def test_reads_a_picture_of_little_colour_and_much_noise(page: Page, shop: Shop) -> None:
    """Photos are sent as JPEG; one that would not get smaller is sent unchanged."""
    page.goto("/")
    picture = BytesIO()
    Image.effect_noise((300, 300), 90).save(picture, "PNG")
    page.set_input_files(
        "#file", {"name": "noise.png", "mimeType": "image/png", "buffer": picture.getvalue()}
    )
    expect(page.locator(".found-title")).to_be_visible()


def test_weighs_little(page: Page, shop: Shop) -> None:
    weights: dict[str, int] = {}
    page.on("response", lambda got: weights.update({got.url: len(got.body())}))
    page.goto("/", wait_until="networkidle")
    assert sum(weights.values()) < 300_000
