from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from catalog.models import Availability, Product
from search.pages.variants import labels_of
from tests.conftest import MakeProduct, Picture

Sell = Callable[..., list[Product]]


@pytest.fixture
def sell(make_product: MakeProduct) -> Sell:
    """Creates variants of one product, in these sizes."""

    def make(name: str, *sizes: str, **fields: Any) -> list[Product]:
        return [
            make_product(name, group=name.lower(), attributes={"size": size}, **fields)
            for size in sizes
        ]

    return make


def names(page: Any) -> list[str]:
    return [product.name for product in page.context["page"]]


def test_lists_each_group_once_and_no_page_repeats_or_misses_one(
    client: Client, sell: Sell, make_product: MakeProduct
) -> None:
    for i in range(20):
        sell(f"Shirt {i:02}", "S", "M", "L")
    for i in range(20):
        make_product(f"Mug {i:02}")
    pages = [client.get("/products/", {"page": page}) for page in (1, 2)]
    listed = [name for page in pages for name in names(page)]
    assert len(listed) == len(set(listed)) == 40
    assert "40 products" in pages[0].content.decode()
    assert pages[0].content.decode().count(">and 2 more<") == 4


def test_says_how_many_more_of_a_group_pass_the_filter(
    client: Client, sell: Sell, make_product: MakeProduct
) -> None:
    small, *_ = sell("Shirt", "S", "M", "L")
    Product.objects.filter(pk=small.pk).update(availability=Availability.OUT_OF_STOCK)
    make_product("Hidden", group="shirt", active=False)
    every = client.get("/products/")
    assert [product.attributes["size"] for product in every.context["page"]] == ["M"]
    assert "and 2 more" in every.content.decode()
    left = client.get("/products/", {"availability": "in_stock"})
    assert names(left) == ["Shirt"]
    assert "and 1 more" in left.content.decode()
    assert 'href="/products/?' not in left.content.decode()
    assert "?availability=in_stock&amp;group=shirt" in left.content.decode()
    sold_out = client.get("/products/", {"availability": "out_of_stock"})
    assert "and " not in sold_out.content.decode().split('class="grid"')[1].split("</ul>")[0]
    assert "Out of stock</p>" in sold_out.content.decode()


def test_lists_the_variants_of_one_group_and_leads_back(client: Client, sell: Sell) -> None:
    sell("Shirt", "S", "M")
    sell("Trousers", "S", "M")
    page = client.get("/products/", {"group": "shirt", "q": "shirt"})
    html = page.content.decode()
    assert names(page) == ["Shirt", "Shirt"]
    assert "2 variants of Shirt" in html
    assert '<span class="card-label">S</span>' in html
    assert 'href="?q=shirt">Back to the list' in html
    assert "and 1 more" not in html


def test_product_page_links_to_its_variants_and_shows_what_is_known(
    client: Client, sell: Sell
) -> None:
    small, medium = sell("Shirt", "S", "M", brand="Acme", price="30", sale_price="20")
    Product.objects.filter(pk=medium.pk).update(availability=Availability.PREORDER)
    html = client.get(small.get_absolute_url()).content.decode()
    assert f'href="{medium.get_absolute_url()}">M <span>preorder</span>' in html
    assert f'href="{small.get_absolute_url()}" aria-current="page">S</a>' in html
    assert "<s><bdi>$30.00</bdi></s>" in html
    assert "<strong><bdi>$20.00</bdi></strong>" in html
    assert "In stock" in html
    assert "<dt><bdi>Size</bdi></dt><dd><bdi>S</bdi></dd>" in html
    assert "<dt>Brand</dt><dd><bdi>Acme</bdi></dd>" in html


def test_product_page_of_a_single_variant_has_no_list(client: Client, sell: Sell) -> None:
    (shirt,) = sell("Shirt", "S")
    assert "Variants" not in client.get(shirt.get_absolute_url()).content.decode()


SHIRT: dict[str, str] = {"care": "cold", "colour": "red", "gtin": "1", "size": "S"}


@pytest.mark.parametrize(
    ("variants", "labels"),
    [
        ([SHIRT, SHIRT | {"size": "M", "gtin": "2"}], ["S", "M"]),
        (
            [SHIRT, SHIRT | {"colour": "blue"}, SHIRT | {"size": "M"}],
            ["red, S", "blue, S", "red, M"],
        ),
        ([SHIRT, {"length": "32"}], ["red", ""]),
        ([SHIRT, SHIRT], ["sku-0", "sku-1"]),
        ([SHIRT], [""]),
    ],
)
def test_tells_variants_apart_by_as_few_attributes_as_that_takes(
    variants: list[dict[str, str]], labels: list[str]
) -> None:
    products = [
        Product(pk=i, sku=f"sku-{i}", name="Shirt", attributes=attributes)
        for i, attributes in enumerate(variants)
    ]
    assert list(labels_of(products).values()) == labels


def test_search_shows_each_group_once_and_leads_to_its_variants_and_back(
    client: Client, sell: Sell, make_product: MakeProduct, picture: Picture
) -> None:
    sell("Shirt", "S", "M", "L", image=picture(1))
    mug = make_product("Mug", image=picture(2))
    url = f"/?query=product-{mug.pk}&threshold=0"
    page = client.get(url)
    (match,) = page.context["answer"].matches
    link = f"{url}&group_of={match.product.pk}"
    html = page.content.decode()
    assert f'href="{link[1:]}"'.replace("&", "&amp;") in html
    assert "and 2 more" in html
    variants = client.get(link)
    html = variants.content.decode()
    assert variants.context["answer"].count == 3
    assert "Only variants of Shirt are shown." in html
    assert '<span class="card-label">S</span>' in html
    assert f'href="{url[1:]}"'.replace("&", "&amp;") in html
    assert f'name="group_of" value="{match.product.pk}"' in html
    assert client.get(f"{url}&collapse=none").context["answer"].count == 3


def test_search_lists_products_of_the_very_same_picture(
    client: Client, make_product: MakeProduct, picture: Picture
) -> None:
    mug, *_, twin = [make_product(f"Mug {i}", image=picture(min(i, 1))) for i in range(4)]
    url = f"/?query=product-{mug.pk}&threshold=0&group_of={twin.pk}"
    html = client.get(url).content.decode()
    assert "3 products are" in html
    assert "Only products with the very same picture as Mug 3 are shown." in html
    Product.objects.filter(pk=twin.pk).update(active=False)
    assert "Mug 3" not in client.get(url).content.decode()


def test_search_with_a_product_finds_those_of_its_very_picture_but_not_its_variants(
    client: Client, sell: Sell, make_product: MakeProduct, picture: Picture
) -> None:
    shirt, _ = sell("Shirt", "S", "M", image=picture(1))
    mug, _, _ = (make_product(f"Mug {i}", image=picture(2)) for i in range(3))
    page = client.get(f"/?query=product-{shirt.pk}&threshold=0")
    assert [match.product.name[:3] for match in page.context["answer"].matches] == ["Mug"]
    html = client.get(mug.get_absolute_url()).content.decode()
    more = f"/?query=product-{mug.pk}&threshold=0&group_of={mug.pk + 1}".replace("&", "&amp;")
    assert f'href="{more}"' in html
    assert "and 1 more" in html


def test_search_is_restricted_to_words_and_availabilities(
    client: Client, make_product: MakeProduct, picture: Picture
) -> None:
    mug = make_product("Mug", image=picture(1))
    url = f"/?query=product-{mug.pk}&threshold=0"
    make_product("Linen shirt", brand="Acme", image=picture(2))
    assert client.get(url).context["availabilities"] == [], "there is nothing to choose"
    make_product("Linen dress", image=picture(3), availability=Availability.PREORDER)
    page = client.get(f"{url}&q=linen")
    assert page.context["answer"].count == 2
    stock = [(value, count) for value, _, count in page.context["availabilities"]]
    assert stock == [("in_stock", 1), ("preorder", 1)]
    page = client.get(f"{url}&q=acme&availability=preorder")
    stock = [(value, count) for value, _, count in page.context["availabilities"]]
    assert stock == [("in_stock", 1), ("preorder", 0)], "what was chosen can be taken back"
    assert "Remove all filters" in page.content.decode()
    for path in (f"{url}&", "/products/?"):
        page = client.get(f"{path}q={'+'.join('abcdefghijklmnopqrstu')}")
        assert "The maximum is 20 words." in page.content.decode()


@pytest.mark.parametrize(
    ("q", "found"),
    [("CHEMISE", 2), ("ete", 1), ("Été", 1), ("été robe", 0), ("acme été", 1), ("mise hau", 2)],
)
def test_products_are_found_by_words_whatever_their_case_and_accents(
    client: Client, make_product: MakeProduct, q: str, found: int
) -> None:
    make_product("Chemise d'été", category="Hauts", brand="ACME")
    make_product("Chemise", category="Hauts")
    assert len(names(client.get("/products/", {"q": q}))) == found
