"""What is read from the product export of WooCommerce."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.importers import InvalidCatalogFile
from tests.catalog.importers.formats.files import Cells, imported_twice, read, values, written

WP = "https://shop.example/wp-content/uploads/"
TEE: Cells = {
    "ID": "101",
    "Type": "simple, virtual",
    "SKU": "W-1",
    "Name": "Tee &amp; <em>Belt</em>",
    "Published": "1",
    "Visibility in catalog": "visible",
    "Description": "One\\nTwo",
    "Date sale price starts": "",
    "Date sale price ends": "",
    "In stock?": "1",
    "Stock": "",
    "Backorders allowed?": "0",
    "Sale price": "19,5",
    "Regular price": "24,50",
    "Categories": "Clothing, Clothing > Shirts\\, tops, Sale > Now",
    "Images": f"{WP}a.jpg, {WP}b.jpg",
    "Parent": "",
    "External URL": "",
    "Position": "0",
    "Brands": "Own",
    "Attribute 1 name": "Colour",
    "Attribute 1 value(s)": "Red, Blue",
    "Meta: _x": "y",
}
PLAIN: Cells = {"Type": "simple", "Sale price": "", "Categories": "", "Brands": ""}
HOODIE: Cells = (
    TEE
    | PLAIN
    | {
        "ID": "102",
        "Type": "variable",
        "SKU": "W-2",
        "Name": "Hoodie",
        "Regular price": "",
        "Categories": "Clothing > Hoodies",
        "Images": f"{WP}h.jpg, {WP}h2.jpg",
        "Brands": "Own",
        "Attribute 1 name": "Size",
        "Attribute 1 value(s)": "S, M",
    }
)
SMALL: Cells = PLAIN | {
    "ID": "103",
    "Type": "variation",
    "SKU": "W-2-S",
    "Name": "Hoodie - S",
    "Published": "1",
    "In stock?": "0",
    "Stock": "parent",
    "Regular price": "59,9",
    "Parent": "W-2",
    "Attribute 1 name": "Size",
    "Attribute 1 value(s)": "S",
}
MEDIUM: Cells = SMALL | {
    "ID": "104",
    "SKU": "",
    "Name": "Hoodie - M",
    "In stock?": "backorder",
    "Sale price": "49",
    "Images": f"{WP}m.jpg",
    "Parent": "id:102",
    "Attribute 1 value(s)": "M",
}
GERMAN = {
    "Type": "Typ",
    "SKU": "Artikelnummer",
    "Published": "Veröffentlicht",
    "Date sale price starts": "Datum, an dem Angebotspreis beginnt",
    "Date sale price ends": "Datum, an dem Angebotspreis endet",
    "In stock?": "Vorrätig?",
    "Stock": "Lager",
    "Sale price": "Angebotspreis",
    "Regular price": "Regulärer Preis",
    "Categories": "Kategorien",
    "Images": "Bilder",
    "Parent": "Übergeordnetes Produkt",
    "Brands": "Marken",
    "Attribute 1 name": "Attribut 1 Name",
    "Attribute 1 value(s)": "Attribut 1 Wert(e)",
}
FRENCH = {
    "SKU": "UGS",
    "Name": "Nom",
    "Published": "Publié",
    "Date sale price starts": "Date de début de promo",
    "Date sale price ends": "Date de fin de promo",
    "In stock?": "En stock\u202f?",
    "Sale price": "Tarif promo",
    "Regular price": "Tarif régulier",
    "Categories": "Catégories",
    "Brands": "Marques",
    "Attribute 1 name": "Nom de l\u2019attribut 1",
    "Attribute 1 value(s)": "Valeur(s) de l\u2019attribut 1",
}
HEADER = ",".join(TEE)


def one(**cells: object) -> Any:
    """The values of the only product in a file with these cells changed."""
    (found,) = values(
        written(TEE | {name.replace("_", " "): cell for name, cell in cells.items()})
    ).values()
    return found


def test_reads_simple_products() -> None:
    found = values(written(TEE), base_url="https://shop.example/en")
    assert found["W-1"] == {
        "sku": "W-1",
        "name": "Tee & Belt",
        "category": "Clothing > Shirts, tops",
        "brand": "Own",
        "group": "",
        "price": Decimal("24.50"),
        "sale_price": Decimal("19.50"),
        "attributes": {"colour": "Red, Blue"},
        "availability": "in_stock",
        "active": True,
        "link": "https://shop.example/en/?p=101",
        "image_url": f"{WP}a.jpg",
        "photos": [f"{WP}b.jpg"],
    }


@pytest.mark.parametrize("rows", [(HOODIE, SMALL, MEDIUM), (MEDIUM, SMALL, HOODIE)])
def test_variations_and_their_parent_complete_each_other(rows: tuple[Cells, ...]) -> None:
    found = values(written(*rows, header=HEADER), base_url="https://shop.example")
    parent, small, medium = found["W-2"], found["W-2-S"], found["id:104"]
    assert {each["group"] for each in found.values()} == {"W-2"}
    assert {each["category"] for each in found.values()} == {"Clothing > Hoodies"}
    assert {each["brand"] for each in found.values()} == {"Own"}
    assert {each["link"] for each in found.values()} == {"https://shop.example/?p=102"}
    assert (parent["price"], parent["sale_price"]) == (Decimal("59.90"), Decimal("49.00"))
    assert parent["photos"] == [f"{WP}h2.jpg"]
    assert (small["name"], small["price"], small["sale_price"]) == (
        "Hoodie - S",
        Decimal("59.90"),
        None,
    )
    assert (small["image_url"], small["photos"]) == (f"{WP}h.jpg", [])
    assert (small["availability"], medium["availability"]) == ("out_of_stock", "backorder")
    assert (medium["image_url"], medium["attributes"]) == (f"{WP}m.jpg", {"size": "M"})


def test_variation_is_hidden_with_its_parent() -> None:
    found = values(written(HOODIE | {"Published": "-1"}, SMALL, MEDIUM))
    assert not any(each["active"] for each in found.values())


def test_variation_without_its_parent_is_a_product_of_its_group() -> None:
    found = values(written(SMALL, header=HEADER))
    assert (found["W-2-S"]["group"], found["W-2-S"]["category"]) == ("W-2", "Uncategorised")


@pytest.mark.parametrize("names", [GERMAN, FRENCH])
def test_headers_may_be_translated(names: dict[str, str]) -> None:
    rows = [TEE, HOODIE, SMALL, MEDIUM]
    translated = [{names.get(name, name): cell for name, cell in row.items()} for row in rows]
    header = ",".join(f'"{names.get(name, name)}"' for name in TEE)
    text = written(*translated).partition("\r\n")[2]
    assert values(f"{header}\r\n{text}") == values(written(*rows, header=HEADER))


def test_asks_for_columns_in_unknown_languages() -> None:
    names = {"Type": "Tyyppi", "Name": "Nimi", "Regular price": "Hinta", "Categories": "Osastot"}
    text = written({names.get(name, name): cell for name, cell in TEE.items()})
    with pytest.raises(
        InvalidCatalogFile, match=r"lacks Name, Regular price\..*which of these fields:.* category"
    ):
        read(text)
    found = values(text, columns=["name=Nimi", "price=Hinta", "category=Osastot"])
    assert found["W-1"]["price"] == Decimal("24.50")


def test_columns_in_unknown_languages_can_all_be_named() -> None:
    names = {
        name: f"Sarake {place}" for place, name in enumerate(HOODIE) if "Attribute" not in name
    }
    rows = [HOODIE | {"SKU": "", "Published": "-1"}, SMALL | {"SKU": "S", "Parent": "id:102"}]
    text = written(*({names.get(name, name): cell for name, cell in row.items()} for row in rows))
    columns = {
        **{"product_id": "ID", "id": "SKU", "name": "Name", "active": "Published"},
        **{"availability": "In stock?", "price": "Regular price", "category": "Categories"},
        **{"image_url": "Images", "parent": "Parent"},
    }
    found = values(text, columns=[f"{name}={names[own]}" for name, own in columns.items()])
    assert list(found) == ["id:102", "S"]
    assert found["S"]["category"] == "Clothing > Hoodies"
    assert not any(each["active"] for each in found.values())


def test_older_lists_have_bars() -> None:
    found = one(Images=f"{WP}a.jpg | {WP}b.jpg", Categories="Clothing|Clothing > Shirts")
    assert (found["image_url"], found["photos"]) == (f"{WP}a.jpg", [f"{WP}b.jpg"])
    assert found["category"] == "Clothing > Shirts"


def test_attributes_that_are_too_long_are_left_out() -> None:
    long = {"Attribute 2 name": "Fits", "Attribute 2 value(s)": "Model 12, " * 60}
    (found,) = values(written(TEE | long)).values()
    assert found["attributes"] == {"colour": "Red, Blue"}


def test_apostrophes_that_disarm_formulas_are_dropped() -> None:
    found = one(Name="'-50% tee", SKU="'+7", Published="'-1")
    assert (found["name"], found["sku"], found["active"]) == ("-50% tee", "+7", False)


@pytest.mark.parametrize(
    ("published", "visibility", "active"),
    [
        ("1", "visible", True),
        ("0", "", False),
        ("-1", "", False),
        ("2", "", False),
        ("1", "hidden", False),
        ("", "visible", None),
    ],
)
def test_only_what_the_shop_shows_is_shown(
    published: str, visibility: str, active: bool | None
) -> None:
    found = one(Published=published, Visibility_in_catalog=visibility)
    assert found.get("active") is active


@pytest.mark.parametrize(
    ("state", "stock", "backorders", "availability"),
    [
        ("1", "0", "0", "in_stock"),
        ("0", "", "0", "out_of_stock"),
        ("backorder", "", "0", "backorder"),
        ("", "4", "0", "in_stock"),
        ("", "0", "0", "out_of_stock"),
        ("", "-2", "notify", "backorder"),
        ("", "parent", "0", None),
    ],
)
def test_stock_tells_the_availability(
    state: str, stock: str, backorders: str, availability: str | None
) -> None:
    cells = {"In_stock?": state, "Stock": stock, "Backorders_allowed?": backorders}
    assert one(**cells).get("availability") == availability


@pytest.mark.parametrize(
    ("starts", "ends", "is_on"), [(-2, 2, True), (0, 0, True), (1, 9, False), (-9, -1, False)]
)
def test_sale_counts_within_its_dates(starts: int, ends: int, is_on: bool) -> None:
    days = [date.today() + timedelta(days=each) for each in (starts, ends)]
    found = one(
        Date_sale_price_starts=f"{days[0]} 0:00:00", Date_sale_price_ends=f"{days[1]}T23:59:59"
    )
    assert found["sale_price"] == (Decimal("19.50") if is_on else None)


def test_unreadable_dates_are_told() -> None:
    (row,) = read(written(TEE | {"Date sale price ends": "soon"}))
    assert row.error == "The dates of the sale: 'soon' is no date, such as 2026-01-31."


def test_product_without_a_price_of_its_own_is_told() -> None:
    (row,) = read(written(TEE | PLAIN | {"Type": "grouped", "Regular price": ""}))
    assert (
        row.error == "A grouped product has no price of its own. The products in it are imported."
    )


def test_external_product_links_to_its_shop() -> None:
    assert one(Type="external", External_URL="https://a.example/x")["link"] == "https://a.example/x"
    assert "link" not in one(), "without the shop's address"


@pytest.mark.django_db
def test_second_import_changes_nothing(tmp_path: Path) -> None:
    text = "\ufeff" + written(TEE, HOODIE, SMALL, MEDIUM)
    assert imported_twice(tmp_path / "woo.csv", text) == 4
