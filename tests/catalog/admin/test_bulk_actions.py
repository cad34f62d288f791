import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Category, EmbeddingStatus, Product, ProductPhoto
from tests.conftest import MakeProduct

LIST = "/admin/catalog/product/"
MANY = 1200  # more than a form may have fields


@pytest.fixture
def products(db: None) -> list[int]:
    """The ids of many products, of which the first has a further photo."""
    home = Category.objects.create(name="Home")
    rows = (Product(sku=f"m{n}", name=f"Mug {n}", category=home, price=5) for n in range(MANY))
    Product.objects.bulk_create(rows)
    ids = list(Product.objects.values_list("pk", flat=True))
    ProductPhoto.objects.create(product_id=ids[0])
    return ids


def select_all(client: Client, ids: list[int], action: str, query: str = "") -> Any:
    """Choose the rows of a page, then "Select all", then an action."""
    form = {"action": action, "select_across": "1", "index": "0", "_selected_action": ids[:50]}
    return client.post(f"{LIST}{query}", form, follow=True)


def confirm(client: Client, page: Any, query: str = "") -> Any:
    """Send the form of a page that asks for confirmation, as a browser would."""
    html = page.content.decode()
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)">', html)
    assert 0 < len(fields) < 10
    return client.post(f"{LIST}{query}", dict(fields), follow=True)


def test_deletes_all_products_after_a_short_page_that_asks(
    admin_client: Client, products: list[int]
) -> None:
    page = select_all(admin_client, products, "delete_selected")
    assert len(page.content) < 30_000
    assert "Products: 1200" in page.content.decode()
    assert "photos: 1" in page.content.decode()
    assert "and 1,180 more" in page.content.decode()
    assert Product.objects.count() == MANY, "nothing is deleted before it is confirmed"
    done = confirm(admin_client, page)
    assert f"Successfully deleted {MANY} products." in done.content.decode()
    assert not Product.objects.exists()
    assert LogEntry.objects.count() == MANY


def test_deletes_what_the_filter_shows_and_no_other(
    admin_client: Client, products: list[int], make_product: MakeProduct
) -> None:
    make_product("Cup")
    page = select_all(admin_client, products, "delete_selected", "?q=Mug")
    confirm(admin_client, page, "?q=Mug")
    assert [product.name for product in Product.objects.all()] == ["Cup"]


def test_deletes_nothing_if_the_list_has_changed_since_the_question(
    admin_client: Client, products: list[int], make_product: MakeProduct
) -> None:
    page = select_all(admin_client, products, "delete_selected")
    make_product("Cup")
    assert "The list has changed." in confirm(admin_client, page).content.decode()
    assert Product.objects.count() == MANY + 1


def test_number_of_queries_grows_with_transactions_not_with_products(
    admin_client: Client, products: list[int]
) -> None:
    with CaptureQueriesContext(connection) as asking:
        page = select_all(admin_client, products, "delete_selected")
    assert len(asking) < 30
    with CaptureQueriesContext(connection) as deleting:
        confirm(admin_client, page)
    assert len(deleting) < 120


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("hide", "1,200 products are hidden now."),
        ("show", "0 products are shown now."),
        ("retry", "0 pictures are being read again."),
    ],
)
def test_other_actions_take_all_products(
    admin_client: Client, products: list[int], action: str, said: str
) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = select_all(admin_client, products, action)
    assert said in page.content.decode()
    assert len(queries) < 60


def test_many_pictures_wait_for_a_command_where_no_worker_reads_them(
    admin_client: Client, products: list[int], messages: list[Any]
) -> None:
    Product.objects.update(image="pictures/aa/mug.jpg", embedding_status=EmbeddingStatus.FAILED)
    page = select_all(admin_client, products, "embed_again")
    assert "1,200 pictures wait to be read again" in page.content.decode()
    assert "build_embeddings" in page.content.decode()
    assert not messages
    assert not Product.objects.exclude(embedding_status=EmbeddingStatus.PENDING).exists()


def test_category_with_many_products_is_not_deleted_and_says_how_many(
    admin_client: Client, products: list[int]
) -> None:
    home = Category.objects.get()
    for page in (
        admin_client.get(f"/admin/catalog/category/{home.pk}/delete/"),
        admin_client.post(
            "/admin/catalog/category/",
            {"action": "delete_selected", "index": "0", "_selected_action": [home.pk]},
        ),
    ):
        assert "Products: 1,200" in page.content.decode()
        assert len(page.content) < 30_000
    assert Category.objects.exists()
