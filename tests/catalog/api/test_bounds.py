"""What is too much, or makes no sense, for the API and for the admin's lists."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client, RequestFactory

from catalog.api.errors import forbidden, server_error
from catalog.models import Product
from tests.catalog.conftest import LIST, MUG
from tests.conftest import MakeProduct

PRODUCTS = "/admin/catalog/product/"
HUGE = "9" * 22
MEGABYTE = 2**20


@pytest.mark.parametrize("path", ["/api/search/", "/search", LIST])
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({f"file{n}": SimpleUploadedFile("a.jpg", b"a") for n in range(101)}, "too many files"),
        ({f"field{n}": "a" for n in range(1201)}, "too many fields"),
        ({"name": "a" * 3 * MEGABYTE}, "too large"),
    ],
    ids=["files", "fields", "letters"],
)
def test_form_beyond_bounds_gets_413_in_json(
    staff: Client, path: str, fields: Any, sentence: str
) -> None:
    response = staff.post(path, fields)
    assert (response.status_code, response["Content-Type"]) == (413, "application/json")
    assert sentence in response.json()["detail"]
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("path", "most", "kind"),
    [
        ("/api/search/", 1, "application/json"),
        ("/api/search/", 1, "application/x-www-form-urlencoded"),
        (LIST, 1, "application/json"),
        (f"{LIST}batch/", 2.5, "application/json"),
    ],
)
def test_text_beyond_bounds_gets_413(staff: Client, path: str, most: float, kind: str) -> None:
    fits = b" " * int(most * MEGABYTE)
    response = staff.post(path, fits + b" ", kind)
    assert response.status_code == 413
    assert "request is too large" in response.json()["detail"]
    assert staff.post(path, fits, kind).status_code == 400


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/nowhere", "application/json"), ("/nowhere", "text/html")]
)
def test_refusals_are_json_for_the_api_and_pages_elsewhere(
    rf: RequestFactory, client: Client, path: str, kind: str
) -> None:
    def is_of_kind(response: HttpResponse, status: int) -> bool:
        return response.status_code == status and response["Content-Type"].startswith(kind)

    assert is_of_kind(client.get(path, headers={"Host": "evil.example"}), 400)
    assert is_of_kind(client.get(path), 404)
    assert is_of_kind(forbidden(rf.get(path), PermissionError()), 403)
    assert is_of_kind(server_error(rf.get(path)), 500)


@pytest.mark.parametrize(
    "query",
    [
        *("search=" + "a+" * 21, "search=" + "a," * 21, f"search={'a' * 201}", "search=a%1fb"),
        *("page=0", "page=-1", "page=NaN", "page=last", f"page={'9' * 5000}", "page=%00"),
        *("limit=0", "limit=-1", "limit=101", "limit=1e1", f"limit={'9' * 5000}", "limit=NaN"),
    ],
    ids=lambda query: query[:16],
)
def test_list_refuses_nonsense_in_a_sentence(client: Client, db: None, query: str) -> None:
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 400
    assert response.json().keys() == {query.partition("=")[0]}


def test_list_takes_as_many_words_as_it_says(client: Client, make_product: MakeProduct) -> None:
    make_product("a")
    assert client.get(f"{LIST}?search={'a+' * 20}&limit=100&price=NaN").json()["count"] == 1
    assert client.get(f"{LIST}?page=99999").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        *(
            f"?id__in={HUGE}",
            f"?id__in=1,{HUGE}",
            f"?id__exact={HUGE}",
            f"?category__id__in={HUGE}",
        ),
        *(f"?p={HUGE}", "?p=-1", "?p=x", f"?o={HUGE}", "?o=-", "?q=%00", "?q=" + "a,+" * 1000),
        *("?id__in=%00", "?name__regex=(", "?category__id__exact=x", "?state=%00", "?price=%00"),
        *(
            f"{HUGE}/change/",
            f"{HUGE}/delete/",
            "-1/change/",
            "%00/change/",
            "9" * 5000 + "/change/",
        ),
        *("?_changelist_filters=%00", f"add/?_changelist_filters=id__in%3D{HUGE}%26p%3D%00"),
        *("add/?price=NaN&category=x", "export/?x=1", f"export/?id__in={HUGE}"),
    ],
    ids=lambda address: address[:24],
)
def test_admin_survives_nonsense_in_its_address(
    admin_client: Client, make_product: MakeProduct, address: str
) -> None:
    make_product()
    response = admin_client.get(f"{PRODUCTS}{address}", follow=True)
    assert response.status_code == 200


@pytest.mark.parametrize("chosen", [HUGE, "\x00", "x", "-1"])
def test_admin_says_that_a_chosen_row_cannot_be(
    admin_client: Client, make_product: MakeProduct, chosen: str
) -> None:
    product = make_product()
    fields = {"action": "hide", "_selected_action": [str(product.pk), chosen]}
    page = admin_client.post(PRODUCTS, fields, follow=True).content.decode()
    assert "One of the selected rows can&#x27;t exist." in page
    assert Product.objects.filter(active=True).exists()


def test_search_of_categories_is_bounded_as_well(admin_client: Client, db: None) -> None:
    assert admin_client.get(f"/admin/catalog/category/?q={'a+' * 1000}").status_code == 200


NAMES = (
    "<script>alert(1)</script>",
    '"><b onclick=x>',
    "{{ 7|add:7 }}{% now %}",
    "a\u202eb\u200f'",
)


@pytest.mark.parametrize("name", NAMES)
def test_markup_in_names_is_text_in_the_admin(
    admin_client: Client, make_product: MakeProduct, name: str
) -> None:
    product = make_product(name, category=name, sku=name)
    for address in ("", f"{product.pk}/change/", f"{product.pk}/delete/"):
        page = admin_client.get(f"{PRODUCTS}{address}").content.decode()
        assert name.startswith("{{") == ("{{ 7|add:7 }}{% now %}" in page)
        assert "<script>alert" not in page
        assert "<b onclick" not in page


@pytest.mark.parametrize("name", NAMES)
def test_markup_that_is_refused_comes_back_as_json_text(staff: Client, name: str) -> None:
    fields = MUG | {"price": name, "active": name, "link": name}
    response = staff.post(LIST, fields, "application/json")
    assert (response.status_code, response["Content-Type"]) == (400, "application/json")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "/" not in str(response.json()).replace(name, ""), "it tells no paths"
