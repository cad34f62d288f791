"""Errors of the admin look like the admin; shoppers have pages of their own."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from catalog.models import Product

LIST = "/admin/catalog/product/"
FIELDS = {f"field{n}": "" for n in range(1201)}


def looks_like_the_admin(response: Any) -> bool:
    page = response.content.decode()
    return 'id="branding"' in page and "admin/css/base" in page


@pytest.mark.django_db
def test_form_with_too_many_fields(admin_client: Client, client: Client) -> None:
    response = admin_client.post(LIST, FIELDS)
    assert response.status_code == 413
    assert looks_like_the_admin(response)
    assert "The request has too many fields." in response.content.decode()
    page = client.post("/products/", FIELDS)
    assert not looks_like_the_admin(page)


@pytest.mark.django_db
def test_page_that_is_not_open_or_not_there(admin_client: Client, client: Client) -> None:
    client.force_login(User.objects.create_user("ada", is_staff=True))
    response = client.get(LIST)
    assert response.status_code == 403
    assert looks_like_the_admin(response)
    response = admin_client.get("/admin/nowhere/")
    assert response.status_code == 404
    assert looks_like_the_admin(response)
    assert not looks_like_the_admin(client.get("/nowhere/"))


@pytest.mark.django_db
def test_form_without_its_token() -> None:
    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "ada"})
    assert response.status_code == 403
    assert looks_like_the_admin(response)
    assert "This form has expired." in response.content.decode()


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError("disk full"), 503), (ZeroDivisionError("1/0"), 500)]
)
def test_failure_of_the_machine_or_of_the_program(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(Product.objects.__class__, "get_queryset", fail)
    admin_client.raise_request_exception = False
    response = admin_client.get(LIST)
    assert response.status_code == status
    assert looks_like_the_admin(response)
    assert str(error) not in response.content.decode()
