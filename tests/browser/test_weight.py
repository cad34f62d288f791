"""What the pages of the demo shop weigh. `benchmarks/pages.py` measures how fast they are."""

from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import Browser, expect

from tests.browser.witness import Witness

# Bytes, not counting pictures of products and of the demo's shoppers.
PAGES = dict.fromkeys(["/", "/products/", "/products/11/", "/map/?list=1"], 100_000)
PAGES |= {"/?query=product-11&threshold=0.5": 120_000, "/map/": 280_000}

WEIGHT = """() => performance.getEntries()
    .filter(({ name }) => !/^.(media|static.demo)./.test(new URL(name, location).pathname))
    .reduce((sum, { transferSize = 0 }) => sum + transferSize, 0)"""


@pytest.mark.usefixtures("few_copies")
def test_pages_are_light(browser: Browser, live_server: Any, transactional_db: None) -> None:
    # The first product of a new database has the number 1.
    call_command("flush", interactive=False, reset_sequences=True)
    call_command("load_demo")
    weights = {}
    for path in PAGES:
        with browser.new_context(base_url=live_server.url) as context:  # its cache is empty
            witness, page = Witness(context), context.new_page()
            page.goto(path, wait_until="networkidle")
            expect(page.locator("main")).to_be_visible()
            weights[path] = page.evaluate(WEIGHT)
            assert witness.heard == []
    assert all(1000 < weight < PAGES[path] for path, weight in weights.items()), weights
