from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from catalog.models import Product
from search.evaluation.models import Evaluation
from tests.conftest import MakeProduct, Picture

PAGE = "/admin/quality/"


@pytest.fixture
def measured(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Ten products that look like nothing, and how well they are found."""
    products = [
        make_product(f"Mug {n}", category=("Mugs", "Cups")[n % 2], image=picture(n))
        for n in range(10)
    ]
    call_command("evaluate_search", "--json", "--sample", "3")
    return products


def test_page_shows_the_last_evaluation(
    admin_client: Client, measured: list[Product], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(4):  # session, user, evaluations, products
        page = admin_client.get(PAGE).content.decode()
    report = Evaluation.objects.get().report
    mean = report["same_kind"]["plain"]["total"]["precision_10"]["mean"]
    assert f"<strong>{mean:.3f}</strong>" in page
    assert f'width="{100 * mean:.2f}"' in page
    assert "screenshot with margins" in page
    assert report["embedder"] in page
    assert "style=" not in page.split('id="content-main"')[1]


def test_page_shows_the_worst_products_that_are_still_there(
    admin_client: Client, measured: list[Product]
) -> None:
    worst = [bad["product"] for bad in Evaluation.objects.get().report["worst_kinds"]]
    Product.objects.get(pk=worst[0]).delete()
    page = admin_client.get(PAGE).content.decode()
    assert reverse("admin:catalog_product_change", args=worst[:1]) not in page
    second = Product.objects.get(pk=worst[1])
    assert reverse("admin:catalog_product_change", args=worst[1:2]) in page
    assert second.image.thumbnail_url in page


def test_page_lists_the_evaluations_before(admin_client: Client, measured: list[Product]) -> None:
    call_command("evaluate_search", "--json", "--sample", "1")
    page = admin_client.get(PAGE).content.decode()
    assert page.count("efficientnet_lite0-") == 3  # what was measured last, and each in the list


def test_page_names_the_command_while_there_is_no_evaluation(admin_client: Client) -> None:
    assert "python manage.py evaluate_search" in admin_client.get(PAGE).content.decode()


def test_page_says_what_could_not_be_measured(admin_client: Client) -> None:
    call_command("evaluate_search")
    page = admin_client.get(PAGE).content.decode()
    assert page.count("is not measured") == 2
    assert "quality-bar" not in page


def test_page_is_for_staff_who_may_see_products(client: Client, db: None) -> None:
    staff = User.objects.create_user("ada", is_staff=True)
    assert client.get(PAGE).status_code == 302
    client.force_login(staff)
    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()
    staff.user_permissions.add(Permission.objects.get(codename="view_product"))
    assert client.get(PAGE).status_code == 200
    assert PAGE in client.get("/admin/").content.decode()
