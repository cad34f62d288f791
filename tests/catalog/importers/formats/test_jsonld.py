"""What is read from the page of a product, which describes it in JSON-LD."""

import json
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest

from catalog.importers import InvalidCatalogFile, recognize
from catalog.importers.product_page import MAX_BYTES, open_page

SHOP = "https://shop.example"
OFFER = {
    "@type": "Offer",
    "price": 12.5,
    "priceCurrency": "EUR",
    "availability": "https://schema.org/InStock",
}
MUG = {
    "@context": "https://schema.org",
    "@type": "Product",
    "name": "Mug &amp; saucer",
    "sku": "M-1",
    "image": ["/a.jpg", {"@type": "ImageObject", "url": f"{SHOP}/b.jpg"}],
    "brand": {"@type": "Brand", "name": "Own"},
    "category": "Home > Kitchen",
    "color": "Blue",
    "offers": OFFER,
}
TRAIL = {
    "@type": "BreadcrumbList",
    "itemListElement": [
        {"@type": "ListItem", "position": 1, "name": "Home", "item": f"{SHOP}/"},
        {"@type": "ListItem", "position": 2, "item": {"@id": f"{SHOP}/kitchen", "name": "Kitchen"}},
        {"@type": "ListItem", "position": 3, "name": "Mug & saucer"},
    ],
}
EXPECTED = {
    "sku": "M-1",
    "name": "Mug & saucer",
    "category": "Home > Kitchen",
    "brand": "Own",
    "group": "",
    "price": Decimal("12.50"),
    "sale_price": None,
    "currency": "EUR",
    "attributes": {"colour": "Blue"},
    "availability": "in_stock",
    "link": f"{SHOP}/mug",
    "image_url": f"{SHOP}/a.jpg",
    "photos": [f"{SHOP}/b.jpg"],
}


def page(*documents: Any) -> bytes:
    blocks = "".join(
        f"<SCRIPT data-a='1' type=application/ld+json>{json.dumps(each)}</SCRIPT>"
        for each in documents
    )
    link = f'<link href="{SHOP}/mug" rel="canonical">'
    return f"<!doctype html><html><head>{link}{blocks}</head><p>Mug</p></html>".encode()


def values(data: bytes) -> list[dict[str, Any]]:
    rows = list(recognize(open_page(BytesIO(data))))
    assert not [row.error for row in rows if row.error]
    return [dict(row.values) for row in rows]


@pytest.mark.parametrize(
    "documents",
    [
        [MUG],
        [{"@type": "WebSite", "name": "Shop"}, MUG],
        [[{"@type": "Organization", "name": "Shop"}, MUG]],
        [{"@graph": [{"@type": "WebPage", "mainEntity": MUG}]}],
        [MUG | {"@type": ["Product", "Thing"]}],
        [MUG | {"@type": "http://schema.org/Product"}, {**MUG, "sku": ""}],
        [MUG | {"isSimilarTo": [{"@type": "Product", "name": "Cup", "offers": OFFER}]}],
    ],
)
def test_finds_the_product_of_a_page(documents: list[Any]) -> None:
    assert values(page(*documents)) == [EXPECTED]


def test_json_may_stand_alone_or_be_wrapped() -> None:
    link = {"url": f"{SHOP}/mug", "image": [f"{SHOP}/a.jpg", f"{SHOP}/b.jpg"]}
    assert values(json.dumps(MUG | link).encode()) == [EXPECTED]
    data = (
        page(MUG)
        .replace(b'{"@context', b'//<![CDATA[\n{"@context')
        .replace(b"</SCR", b";\n//]]></SCR")
    )
    assert values(data) == [EXPECTED]


def test_damaged_blocks_cost_only_themselves() -> None:
    data = page("X", MUG).replace(b'"X"', b'{"@type": "Product", "name": }')
    assert values(data) == [EXPECTED]


def test_references_are_followed() -> None:
    brand = {"@type": "Brand", "@id": "#brand", "name": "Own"}
    picture = {"@type": "ImageObject", "@id": "#a", "contentUrl": "/a.jpg"}
    mug = MUG | {"brand": {"@id": "#brand"}, "image": [{"@id": "#a"}, "/b.jpg"]}
    assert values(page({"@graph": [mug, brand, picture]})) == [EXPECTED]


def test_category_may_come_from_the_trail() -> None:
    (found,) = values(page(MUG | {"category": "", "name": "Mug & saucer"}, TRAIL))
    assert found["category"] == "Kitchen"


@pytest.mark.parametrize(
    ("offers", "price", "sale_price", "availability"),
    [
        ({"@type": "AggregateOffer", "lowPrice": "9.90", "highPrice": 20}, "9.90", None, None),
        ([OFFER, OFFER | {"price": "11"}], "11.00", None, "in_stock"),
        ([OFFER, OFFER | {"price": "1", "availability": "OutOfStock"}], "12.50", None, "in_stock"),
        ({"@type": "AggregateOffer", "lowPrice": 1, "offers": [OFFER]}, "12.50", None, "in_stock"),
        ({"priceSpecification": {"price": "7", "priceCurrency": "EUR"}}, "7.00", None, None),
        (
            OFFER
            | {"priceSpecification": {"priceType": "https://schema.org/ListPrice", "price": 20}},
            "20.00",
            "12.50",
            "in_stock",
        ),
        (OFFER | {"availability": "http://schema.org/SoldOut"}, "12.50", None, "out_of_stock"),
    ],
)
def test_offer_tells_the_price(
    offers: Any, price: str, sale_price: str | None, availability: str | None
) -> None:
    (found,) = values(page(MUG | {"offers": offers}))
    assert found["price"] == Decimal(price)
    assert found["sale_price"] == (Decimal(sale_price) if sale_price else None)
    assert found.get("availability") == availability


def test_group_of_variants_is_a_product_for_each() -> None:
    variants = [
        {
            "@type": "Product",
            "sku": f"T-{size}",
            "size": size,
            "offers": OFFER | {"url": f"/t?{size}"},
        }
        for size in "SM"
    ]
    group = {
        **MUG,
        "@type": "ProductGroup",
        "sku": "T",
        "productGroupID": "T",
        "hasVariant": variants,
    }
    del group["offers"]
    small, medium = values(page(group))
    assert (small["sku"], medium["sku"], small["group"], medium["group"]) == (
        "T-S",
        "T-M",
        "T",
        "T",
    )
    assert small["attributes"] == {"colour": "Blue", "size": "S"}
    assert (small["name"], small["brand"], small["link"]) == ("Mug & saucer", "Own", f"{SHOP}/t?S")


def test_key_falls_back_to_other_numbers_and_the_address() -> None:
    assert values(page(MUG | {"sku": "", "gtin13": 4006381333931}))[0]["sku"] == "4006381333931"
    assert values(page(MUG | {"sku": ""}))[0]["sku"] == "mug"


@pytest.mark.parametrize(
    "data",
    [
        b"<html><title>Mug</title></html>",
        b'<html><script type="application/ld+json">' + b"[" * 100_000,
        b'{"a":' * 50_000,
        b"<script " * 100_000,
        b'<html><script type="application/ld+json">' * 20_000,
        b'{"@type": "Organization", "url": "http://["}',
    ],
)
def test_page_without_a_product_is_told(data: bytes) -> None:
    with pytest.raises(InvalidCatalogFile, match="without a product in it"):
        open_page(BytesIO(data))


def test_page_is_not_read_without_end() -> None:
    with pytest.raises(InvalidCatalogFile, match="larger than 10 MB"):
        open_page(BytesIO(b"<html>" + b" " * MAX_BYTES))


def test_references_do_not_multiply_without_end() -> None:
    offers = [{"@id": "all"}] * 1000
    variants = [{**MUG, "@id": f"v{number}", "offers": offers} for number in range(20)]
    everything = [{"@id": "all", "@type": "AggregateOffer", "offers": [OFFER] * 1000}]
    data = json.dumps([*everything, {"@type": "ProductGroup", "hasVariant": variants}])
    with pytest.raises(InvalidCatalogFile, match="too many variants and offers"):
        open_page(BytesIO(data.encode()))


def test_encoding_is_that_of_the_page() -> None:
    text = '<meta charset="windows-1252"><script type="application/ld+json">'
    document = json.dumps(MUG | {"name": "Café", "image": ""}, ensure_ascii=False)
    assert values(f"<html>{text}{document}</script>".encode("cp1252"))[0]["name"] == "Café"
