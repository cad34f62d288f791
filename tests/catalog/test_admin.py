from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from catalog.models import Category, EmbeddingStatus, Product
from tests.conftest import MakeProduct, Picture

LIST = "/admin/catalog/product/"


@pytest.fixture
def home(db: None) -> Category:
    """A category."""
    return Category.objects.create(name="Home")


def form(category: Category, **changes: Any) -> dict[str, Any]:
    fields = {"name": "Mug", "sku": "m1", "category": category.pk, "price": "9.99"}
    return fields | {"currency": "USD", "active": "on", "link": "", "image_url": ""} | changes


def test_saving_a_product_with_a_picture_makes_it_searchable(
    admin_client: Client,
    home: Category,
    picture: Picture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    upload = SimpleUploadedFile("mug.jpg", picture(1))
    with django_capture_on_commit_callbacks(execute=True):
        response = admin_client.post(f"{LIST}add/", form(home, image=upload))
    assert response.status_code == 302
    product = Product.objects.get()
    assert product.embedding_status == EmbeddingStatus.READY
    found = admin_client.post("/api/search/", {"file": SimpleUploadedFile("a.jpg", picture(1))})
    assert [match["id"] for match in found.json()["results"]] == [product.pk]


def test_upload_that_is_no_picture_is_refused_with_a_sentence(
    admin_client: Client, home: Category
) -> None:
    upload = SimpleUploadedFile("mug.jpg", b"GIF89a but not really")
    response = admin_client.post(f"{LIST}add/", form(home, image=upload))
    assert response.status_code == 200
    assert response.context["errors"]
    assert not Product.objects.exists()


def test_negative_price_is_refused(admin_client: Client, home: Category) -> None:
    response = admin_client.post(f"{LIST}add/", form(home, price="-1"))
    assert response.context["adminform"].form.errors["price"]


def test_list_shows_thumbnail_and_state_and_never_loads_vectors(
    admin_client: Client,
    make_product: MakeProduct,
    picture: Picture,
    django_assert_max_num_queries: Any,
) -> None:
    product = make_product("Mug", image=picture(1))
    make_product("Broken", image=b"no picture")
    make_product("Bare")
    with django_assert_max_num_queries(10) as queries:
        page = admin_client.get(LIST).content.decode()
    assert product.image.url in page
    assert 'class="state state-ready"' in page
    assert 'class="state state-failed" title="This is not a picture' in page
    assert 'class="state state-missing"' in page
    assert not any('"embedding",' in query["sql"] for query in queries.captured_queries)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("price=0-10", {"Cup"}),
        ("price=10-25", {"Mug"}),
        ("price=50-", {"Lamp"}),
        ("q=lam", {"Lamp"}),
        ("embedding_status__exact=pending", {"Cup", "Mug", "Lamp"}),
        ("price=nonsense", {"Cup", "Mug", "Lamp"}),
    ],
)
def test_list_can_be_filtered(
    admin_client: Client, make_product: MakeProduct, query: str, names: set[str]
) -> None:
    for name, price in (("Cup", "9.99"), ("Mug", "10"), ("Lamp", "50")):
        make_product(name, price=price)
    response = admin_client.get(f"{LIST}?{query}", follow=True)
    assert {product.name for product in response.context["cl"].result_list} == names


def test_markup_in_names_stays_text(admin_client: Client, make_product: MakeProduct) -> None:
    make_product("<script>alert(1)</script>")
    page = admin_client.get(reverse("admin:catalog_product_changelist")).content.decode()
    assert "<script>alert(1)" not in page
