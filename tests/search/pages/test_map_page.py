"""The page of the map, and its plain list."""

from typing import Any

import pytest
from django.test import Client

from catalog.models import Category, Product
from search.pages.views import LIST_PER_PAGE
from tests.conftest import MakeProduct


def test_lists_the_products_of_each_category_by_name(
    client: Client, make_product: MakeProduct
) -> None:
    for name, category in (("Vase", "Home"), ("Boot", "Shoes"), ("Lamp", "Home")):
        make_product(name, category=category)
    make_product("Secret", active=False)
    html = client.get("/map/?list=1").content.decode()
    words = ("<h2>Home", "Lamp", "Vase", "<h2>Shoes", "Boot")
    places = [html.index(word) for word in words]
    assert places == sorted(places)
    assert "Secret" not in html


def test_lists_one_category_alone(client: Client, make_product: MakeProduct) -> None:
    make_product("Vase", category="Home")
    boot = make_product("Boot", category="Shoes")
    html = client.get("/map/", {"list": 1, "category": "Shoes"}).content.decode()
    assert boot.get_absolute_url() in html
    assert "Vase" not in html
    assert "No product matches." in client.get("/map/?list=1&category=Hats").content.decode()


@pytest.mark.parametrize("count", [1, LIST_PER_PAGE + 1])
def test_lists_a_page_with_three_queries(
    client: Client, db: None, count: int, django_assert_num_queries: Any
) -> None:
    category = Category.objects.create(name="Mugs")
    rows = [Product(sku=str(i), name=f"Mug {i}", category=category, price=1) for i in range(count)]
    Product.objects.bulk_create(rows)
    with django_assert_num_queries(3):
        html = client.get("/map/?list=1&page=2").content.decode()
    assert html.count("<li>") == 1


def test_map_names_the_list_for_who_has_no_script(client: Client, db: None) -> None:
    html = client.get("/map/").content.decode()
    assert '<noscript><p class="empty">The map needs JavaScript. <a href="?list=1">' in html


def test_refuses_a_filter_that_cannot_be_read(client: Client, db: None) -> None:
    assert client.get("/map/?list=1&category=%00").status_code == 400
