"""What shoppers read in the example shop where the search refuses, is busy or does not know it."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from catalog.models import Product
from catalog.pictures.slots import Slots
from tests.browser.shops import PHONE, SNEAKER
from tests.browser.test_accessibility import faults
from tests.browser.witness import Witness
from tests.waiting import until
from visualsearch.wsgi import application as front

Products = dict[str, Product]

UNREACHABLE = "The shop cannot be reached."
# Whether a script of the page can read anything of the answers.
READ = """async (search) => {
    const paths = ["/api/products/", "/api/categories/", "/api/search/?query=product-1"]
    const read = (path) => fetch(search + path).then(({ status }) => status, () => "nothing")
    return Promise.all(paths.map(read))
}"""


@pytest.mark.parametrize("device", [PHONE], ids=["phone"])
def test_says_in_words_what_went_wrong(
    page: Page, products: Products, settings: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    dialog = page.locator("visual-search .dialog")
    problem = dialog.locator(".problem")
    choose = dialog.locator("input[type=file]").first
    again = dialog.get_by_role("button", name="Try again")
    page.goto("/")
    page.get_by_role("button", name="Search with a photo").click()

    # 413, from the front before Django, and from Django
    settings.MAX_IMAGE_MB = 0.01
    choose.set_input_files(SNEAKER)
    expect(problem).to_contain_text("The file is too large")
    assert faults(page) == []
    settings.MAX_IMAGE_MB = 10
    start_anew(dialog)
    (tmp_path / "photo.jpg").write_bytes(bytes(33 * 2**20))
    choose.set_input_files(tmp_path / "photo.jpg")
    expect(problem).to_contain_text("The request is too large; the maximum is 32 MB.")

    # 429 with Retry-After, from Django
    settings.SEARCH_RATE = "1/hour"
    start_anew(dialog)
    choose.set_input_files(SNEAKER)
    expect(dialog.locator(".name[href]").first).to_be_visible()
    start_anew(dialog)
    with page.expect_response("**/api/search/") as refused:
        choose.set_input_files(SNEAKER)
    assert refused.value.status == 429
    assert int(refused.value.headers["retry-after"]) > 0
    expect(problem).to_contain_text("You have searched very often just now. Please try again in ")

    # 429 and 503 with Retry-After, from the front
    settings.SEARCH_RATE = ""
    for own, sentence in ((0, "Earlier requests are still"), (1, "The shop is very busy")):
        monkeypatch.setattr(front, "working", Slots(0, per_client=own, waiting=0, patience=0))
        again.click()
        expect(problem).to_contain_text(sentence)
        expect(problem).to_contain_text("Please try again in a few seconds.")
    monkeypatch.undo()
    again.click()
    expect(dialog.locator(".name[href]").first).to_have_text("Court Sneaker, Chalk")


def start_anew(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Another photo").click()


def test_gives_nothing_to_an_origin_that_is_not_listed(
    page: Page, products: Products, settings: Any, live_server: Any, witness: Witness
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]
    page.goto("/products/11/")
    dialog = page.locator("visual-search .dialog")
    page.get_by_role("button", name="Search with a photo").click()
    expect(dialog.locator(".problem")).to_contain_text(UNREACHABLE)
    page.keyboard.press("Escape")
    shelf = page.locator("similar-products")
    shelf.evaluate("shelf => shelf.scrollIntoView()")
    expect(shelf).to_have_attribute("state", "empty")
    assert page.evaluate(READ, live_server.url) == ["nothing"] * 3
    until(lambda: len(witness.heard), lambda heard: heard >= 5)
    assert all("blocked by CORS policy" in heard for heard in witness.heard)
    witness.heard.clear()
