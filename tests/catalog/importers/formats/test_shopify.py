"""What is read from the product export of Shopify."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.importers import InvalidCatalogFile
from catalog.importers.formats import shopify
from catalog.models import Product
from tests.catalog.importers.formats.files import Cells, imported_twice, read, values, written

CDN = "https://cdn.example/"
TEE: Cells = {
    "Handle": "tee",
    "Title": "Linen Tee",
    "Body (HTML)": "<p>Soft.\n\nWashed.</p>",
    "Vendor": "Own",
    "Product Category": "Apparel > Clothing > Shirts & Tops",
    "Type": "Shirts",
    "Published": "true",
    "Option1 Name": "Size",
    "Option1 Value": "S",
    "Option2 Name": "Color",
    "Option2 Value": "White",
    "Variant SKU": "LT-S",
    "Variant Inventory Tracker": "shopify",
    "Variant Inventory Qty": "3",
    "Variant Inventory Policy": "deny",
    "Variant Price": "29.00",
    "Variant Compare At Price": "",
    "Image Src": f"{CDN}2.jpg",
    "Image Position": "2",
    "Variant Image": "",
    "Included / Germany": "true",
    "Price / Germany": "31.00",
    "Status": "active",
}
MEDIUM: Cells = {
    "Handle": "tee",
    "Option1 Value": "M",
    "Option2 Value": "Blue",
    "Variant SKU": "'LT-M",
    "Variant Price": "30.00",
    "Image Src": f"{CDN}1.jpg",
    "Image Position": "1",
    "Variant Image": f"{CDN}3.jpg",
}
PICTURE: Cells = {"Handle": "tee", "Image Src": f"{CDN}3.jpg", "Image Position": "3"}
MUG: Cells = {
    "Handle": "mug",
    "Title": "A <b>Mug</b> &amp; saucer",
    "Published": "TRUE",
    "Option1 Name": "Title",
    "Option1 Value": "Default Title",
    "Variant Price": "12",
    "Product Category": "Home > Kitchen",
    "Status": "draft",
}
NEW_NAMES = {
    "Handle": "URL handle",
    "Body (HTML)": "Description",
    "Published": "Published on online store",
    "Option1 Name": "Option1 name",
    "Option1 Value": "Option1 value",
    "Variant SKU": "SKU",
    "Variant Price": "Price",
    "Variant Compare At Price": "Compare-at price",
    "Variant Inventory Tracker": "Inventory tracker",
    "Variant Inventory Qty": "Inventory quantity",
    "Variant Inventory Policy": "Continue selling when out of stock",
    "Image Src": "Product image URL",
    "Image Position": "Image position",
    "Variant Image": "Variant image URL",
}


def one(**cells: object) -> Any:
    """The values of the only product in a file with these cells changed."""
    changed = {name.replace("_", " "): cell for name, cell in cells.items()}
    (found,) = values(written(TEE | changed)).values()
    return found


def test_reads_a_product_of_several_rows() -> None:
    found = values(written(TEE, MEDIUM, PICTURE, MUG), base_url="https://shop.example")
    assert list(found) == ["LT-S", "LT-M", "mug"]
    assert found["LT-S"] == {
        "sku": "LT-S",
        "name": "Linen Tee",
        "category": "Shirts",
        "brand": "Own",
        "group": "tee",
        "price": Decimal("29.00"),
        "sale_price": None,
        "attributes": {"size": "S", "colour": "White"},
        "availability": "in_stock",
        "active": True,
        "link": "https://shop.example/products/tee",
        "image_url": f"{CDN}1.jpg",
        "photos": [f"{CDN}2.jpg", f"{CDN}3.jpg"],
    }
    medium = found["LT-M"]
    assert (medium["name"], medium["brand"]) == ("Linen Tee", "Own")
    assert medium["attributes"] == {"size": "M", "colour": "Blue"}
    assert (medium["image_url"], medium["photos"]) == (f"{CDN}3.jpg", [])
    mug = found["mug"]
    assert (mug["name"], mug["category"], mug["active"]) == ("A Mug & saucer", "Kitchen", False)
    assert mug["attributes"] == {}


def test_rows_of_a_product_may_be_apart() -> None:
    together = values(written(TEE, MEDIUM, PICTURE, MUG))
    assert values(written(PICTURE, TEE, MUG, MEDIUM, header=",".join(TEE))) == together


def test_both_generations_of_column_names_mean_the_same() -> None:
    old = [TEE, MEDIUM, PICTURE, MUG]
    new = [{NEW_NAMES.get(name, name): cell for name, cell in row.items()} for row in old]
    assert values(written(*new)) == values(written(*old))
    assert values(written(*old).lower()) == values(
        written(*old).lower().replace("handle", "HANDLE", 1)
    )


def test_sku_falls_back_to_handle_and_options() -> None:
    long = MEDIUM | {"Variant SKU": "", "Handle": "h" * 200}
    skus = [row.sku for row in read(written(TEE | {"Variant SKU": ""}, TEE | long))]
    assert skus[0] == "tee-S-White"
    assert len(skus[1]) == 64
    assert skus[1].startswith("h" * 55)


def test_category_is_the_type_or_the_end_of_the_product_category() -> None:
    assert one(Type="")["category"] == "Shirts & Tops"
    assert one(Type="", Product_Category="")["category"] == "Uncategorised"


def test_reduced_price_is_the_sale_price() -> None:
    reduced = one(Variant_Compare_At_Price="40.00")
    assert (reduced["price"], reduced["sale_price"]) == (Decimal("40.00"), Decimal("29.00"))
    for same in ("29.00", "0.00", ""):
        usual = one(Variant_Compare_At_Price=same)
        assert (usual["price"], usual["sale_price"]) == (Decimal("29.00"), None)


@pytest.mark.parametrize(
    ("status", "published", "active"),
    [
        ("active", "TRUE", True),
        ("Active", "false", False),
        ("archived", "true", False),
        ("unlisted", "true", False),
        ("active", "", True),
        ("", "true", True),
        ("", "", None),
    ],
)
def test_published_and_status_must_both_allow_a_product(
    status: str, published: str, active: bool | None
) -> None:
    assert one(Status=status, Published=published).get("active") is active


@pytest.mark.parametrize(
    ("tracker", "quantity", "policy", "availability"),
    [
        ("shopify", "2", "deny", "in_stock"),
        ("shopify", "0", "deny", "out_of_stock"),
        ("shopify", "-3", "DENY", "out_of_stock"),
        ("shopify", "0", "continue", "backorder"),
        ("shopify", "0", "TRUE", "backorder"),
        ("", "0", "deny", "in_stock"),
        ("shopify", "", "deny", None),
    ],
)
def test_stock_tells_the_availability(
    tracker: str, quantity: str, policy: str, availability: str | None
) -> None:
    stock = {"Tracker": tracker, "Qty": quantity, "Policy": policy}
    found = one(**{f"Variant_Inventory_{name}": cell for name, cell in stock.items()})
    assert found.get("availability") == availability


def test_absent_columns_say_nothing() -> None:
    few = {name: TEE[name] for name in ("Handle", "Title", "Variant Price")}
    (found,) = values(written(few)).values()
    assert found.keys() == {"sku", "name", "category", "price", "group"}


def test_file_made_by_hand_may_have_only_some_columns() -> None:
    found = read("Title,Price,Product image URL\nBlue Mug,5,\nTea Cup,,\n")
    assert [(row.sku, row.error) for row in found] == [
        ("blue-mug", ""),
        ("tea-cup", "Price must not be empty."),
    ]


def test_market_s_price_can_be_chosen() -> None:
    (found,) = values(written(TEE), columns=["price=Price / Germany"]).values()
    assert found["price"] == Decimal("31.00")


def test_line_break_without_quotes_costs_only_its_own_rows() -> None:
    text = written(
        MUG, {"Handle": "cap", "Title": "Cap", "Variant Price": "8"}, header=",".join(TEE)
    )
    head, mug, cap = text.splitlines()
    cut = f"tee,Linen Tee,<p>Soft.\n\nWashed <b>well</b>.</p>{',' * 20}"
    found = read("\n".join([head, mug, cut, cap]))
    assert [row.sku for row in found if not row.error] == ["mug", "cap"]
    told = {row.line: row.error for row in found if row.error}
    assert list(told) == [3, 5]
    assert set(told.values()) == {
        "The row in line 3 goes on in line 5. A value with a line break must be in quotes."
    }


def test_rows_far_apart_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shopify, "MAX_WAITING", 5 * shopify.ROW_OVERHEAD)
    rows = [TEE | {"Handle": f"h{number % 10}"} for number in range(20)]
    with pytest.raises(InvalidCatalogFile, match="Sort the file by handle"):
        read(written(*rows))


@pytest.mark.django_db
def test_second_import_changes_nothing(tmp_path: Path) -> None:
    text = written(TEE, MEDIUM, PICTURE, MUG)
    assert imported_twice(tmp_path / "shopify.csv", text, currency="USD") == 3
    assert set(Product.objects.values_list("currency", flat=True)) == {"USD"}
