"""A small shop with some of the demo's products, and the devices that shoppers have."""

import csv
from typing import Any

from playwright.sync_api import Page

from catalog.models import Product
from tests.conftest import FIXTURES, MakeProduct

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}
SKUS = ("3", "4", "11", "12", "15", "37")  # two striped shirts, three shoes, a striped cushion
SNEAKER = FIXTURES / "queries" / "11-sneaker.jpg"
SHIRT = FIXTURES / "queries" / "03-breton.jpg"


def open_shop(make_product: MakeProduct) -> dict[str, Product]:
    """The shop's products, by SKU."""
    with (FIXTURES / "products.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["id"] in SKUS]
    return {
        row["id"]: make_product(
            row["name"],
            sku=row["id"],
            category=row["category"],
            price=row["price"],
            image=(FIXTURES / row["image_url"]).read_bytes(),
        )
        for row in rows
    }


def open_sheet(page: Page, button: str = ".sheet-open") -> None:
    """Open the sheet of the filters, or another button's, where the screen is too small for it."""
    if page.locator(button).is_visible():
        page.locator(button).click()


def close_sheet(page: Page) -> None:
    """Close the sheet that is open, if there is one."""
    done = page.locator(".sheet:popover-open .sheet-done")
    if done.is_visible():
        done.click()
