"""What is read from the product export of Magento 2."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.importers import InvalidCatalogFile
from tests.catalog.importers.formats.files import Cells, imported_twice, read, values, written

SHOP = "https://shop.example"
MEDIA = f"{SHOP}/media/catalog/product"
BAG: Cells = {
    "sku": "24-MB01",
    "store_view_code": "",
    "attribute_set_code": "Bag",
    "product_type": "simple",
    "categories": "Default Category/Gear,Default Category/Gear/Bags,Default Category/Caps, hats",
    "name": "Joust &amp; Duffle",
    "product_online": "1",
    "visibility": "Catalog, Search",
    "price": "34.000000",
    "special_price": "",
    "special_price_from_date": "",
    "special_price_to_date": "",
    "url_key": "joust-duffle",
    "base_image": "/m/b/1.jpg",
    "additional_attributes": 'color=Black,has_options=0,brand=Own,"features=Pocket|Sleeve, red"',
    "qty": "100.0000",
    "allow_backorders": "0",
    "is_in_stock": "1",
    "additional_images": "/m/b/1.jpg,/m/b/2.jpg,/m/b/3.jpg",
    "hide_from_product_page": "/m/b/3.jpg",
    "configurable_variations": "",
}
FRENCH: Cells = {"sku": "24-MB01", "store_view_code": "fr", "product_type": "simple", "name": "Sac"}
TANK: Cells = BAG | {
    "sku": "T",
    "product_type": "configurable",
    "name": "Tank",
    "price": "",
    "url_key": "tank",
    "base_image": "/t/a.jpg",
    "additional_attributes": "has_options=1",
    "qty": "0.0000",
    "additional_images": "",
    "configurable_variations": "sku=T-S,size=S,color=Red|sku=T-M,size=M,color=Dark, red",
}
SMALL: Cells = BAG | {
    "sku": "T-S",
    "name": "Tank-S",
    "categories": "",
    "visibility": "Not Visible Individually",
    "price": "29.0000",
    "url_key": "tank-s",
    "base_image": "no_selection",
    "additional_images": "",
    "additional_attributes": "",
}
MEDIUM: Cells = SMALL | {"sku": "T-M", "price": "27.0000", "base_image": "/t/m.jpg"}
HEADER = ",".join(BAG)


def one(**cells: object) -> Any:
    """The values of the only product in a file with these cells changed."""
    (found,) = values(written(BAG | cells), base_url=SHOP).values()
    return found


def test_reads_the_row_that_is_whole() -> None:
    found = values(written(FRENCH, BAG, FRENCH, header=HEADER), base_url=SHOP)
    assert found["24-MB01"] == {
        "sku": "24-MB01",
        "name": "Joust & Duffle",
        "category": "Gear > Bags",
        "brand": "Own",
        "group": "",
        "price": Decimal("34.00"),
        "sale_price": None,
        "attributes": {"colour": "Black", "features": "Pocket, Sleeve, red"},
        "availability": "in_stock",
        "active": True,
        "link": f"{SHOP}/joust-duffle.html",
        "image_url": f"{MEDIA}/m/b/1.jpg",
        "photos": [f"{MEDIA}/m/b/2.jpg"],
    }


def test_file_of_store_views_alone_is_told() -> None:
    with pytest.raises(InvalidCatalogFile, match="Each row belongs to a store view"):
        read(written(FRENCH, header=HEADER))


@pytest.mark.parametrize("rows", [(SMALL, MEDIUM, TANK), (TANK, MEDIUM, SMALL)])
def test_configurable_product_groups_its_variants(rows: tuple[Cells, ...]) -> None:
    found = values(written(*rows), base_url=SHOP)
    tank, small, medium = found["T"], found["T-S"], found["T-M"]
    assert {each["group"] for each in found.values()} == {"T"}
    assert {each["category"] for each in found.values()} == {"Gear > Bags"}
    assert {each["link"] for each in found.values()} == {f"{SHOP}/tank.html"}
    assert all(each["active"] for each in found.values())
    assert (tank["price"], tank["availability"]) == (Decimal("27.00"), "in_stock")
    assert (small["image_url"], medium["image_url"]) == (f"{MEDIA}/t/a.jpg", f"{MEDIA}/t/m.jpg")
    assert small["attributes"] == {"size": "S", "colour": "Red"}
    assert medium["attributes"] == {"size": "M", "colour": "Dark, red"}


def test_variants_with_the_same_picture_share_its_further_photos() -> None:
    pictures = {"base_image": "/t/m.jpg", "additional_images": "/t/m.jpg,/t/back.jpg"}
    found = values(written(TANK, SMALL | pictures, MEDIUM | pictures), base_url=SHOP)
    assert [found[sku]["photos"] for sku in ("T-S", "T-M")] == [[f"{MEDIA}/t/back.jpg"], []]


def test_products_that_no_page_shows_are_hidden() -> None:
    assert not one(visibility="Not Visible Individually")["active"], "of no configurable product"
    assert not one(product_online="2")["active"]
    off = values(written(TANK | {"product_online": "2"}, SMALL, MEDIUM), base_url=SHOP)
    assert not any(each["active"] for each in off.values())


@pytest.mark.parametrize(
    ("first", "last", "is_on"), [(0, 0, True), (-3, 3, True), (1, 3, False), (-3, -1, False)]
)
def test_special_price_counts_within_its_dates(first: int, last: int, is_on: bool) -> None:
    starts, ends = (date.today() + timedelta(days=each) for each in (first, last))
    found = one(
        special_price="20.0000",
        special_price_from_date=f"{starts.month}/{starts.day}/{starts:%y}, 12:00 AM",
        special_price_to_date=f"{ends} 00:00:00",
    )
    assert found["price"] == Decimal("34.00")
    assert found["sale_price"] == (Decimal("20.00") if is_on else None)


@pytest.mark.parametrize(
    ("state", "quantity", "backorders", "availability"),
    [
        ("1", "4.0000", "0", "in_stock"),
        ("0", "4.0000", "0", "out_of_stock"),
        ("1", "-1.0000", "1", "backorder"),
        ("1", "0.0000", "0", "in_stock"),
        ("", "3", "0", "in_stock"),
        ("", "0", "0", "out_of_stock"),
        ("", "0", "2", "backorder"),
        ("", "", "0", None),
    ],
)
def test_stock_tells_the_availability(
    state: str, quantity: str, backorders: str, availability: str | None
) -> None:
    found = one(is_in_stock=state, qty=quantity, allow_backorders=backorders)
    assert found.get("availability") == availability


def test_bundle_without_a_price_is_told() -> None:
    (row,) = read(written(BAG | {"product_type": "bundle", "price": "0.0000"}), base_url=SHOP)
    assert row.error == "A bundle product has no price of its own. Its parts are imported."


def test_pictures_need_the_shop_s_address() -> None:
    (row,) = read(written(BAG))
    assert "Give the shop's address (base URL)" in row.error
    assert one(base_image="https://cdn.example/x.jpg")["image_url"] == "https://cdn.example/x.jpg"


@pytest.mark.django_db
def test_second_import_changes_nothing(tmp_path: Path) -> None:
    text = written(BAG, FRENCH, SMALL, MEDIUM, TANK)
    assert imported_twice(tmp_path / "magento.csv", text, base_url=SHOP) == 4
