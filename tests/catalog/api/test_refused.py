from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError
from django.db.models.signals import pre_save
from django.test import Client

from catalog.models import Category, Product
from tests.catalog.conftest import LIST, MUG, Send
from tests.conftest import MakeProduct


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": None}, "name"),
        ({"name": ["Mug"]}, "name"),
        ({"name": "M" * 201}, "name"),
        ({"name": "Mug\x00"}, "name"),
        ({"name": "Mug\tred"}, "name"),
        ({"name": "Mug\x85red"}, "name"),
        ({"name": "Mug\ud800"}, "detail"),
        ({"sku": ""}, "sku"),
        ({"sku": "s" * 65}, "sku"),
        ({"sku": "taken"}, "sku"),
        ({"sku": True}, "sku"),
        ({"category": ""}, "category"),
        ({"category": "C" * 251}, "category"),
        ({"category": {"name": "Home"}}, "category"),
        ({"price": "-0.01"}, "price"),
        ({"price": "9.999"}, "price"),
        ({"price": "9.90 EUR", "currency": "USD"}, "price"),
        ({"price": "9.90 EUR", "sale_price": "8 USD"}, "sale_price"),
        ({"price": "9.90 kr"}, "price"),
        ({"price": "9.90 EUR", "currency": ["EUR"]}, "currency"),
        ({"sale_price": 9.99}, "sale_price"),
        ({"sale_price": 0}, "sale_price"),
        ({"sale_price": "cheap"}, "sale_price"),
        ({"brand": "b" * 101}, "brand"),
        ({"group": "g" * 101}, "group"),
        ({"group": None}, "group"),
        ({"availability": "perhaps"}, "availability"),
        ({"availability": ""}, "availability"),
        ({"attributes": "red"}, "attributes"),
        ({"attributes": ["red"]}, "attributes"),
        ({"attributes": None}, "attributes"),
        ({"attributes": {"sizes": ["S", "M"]}}, "attributes"),
        ({"attributes": {"size": "\x00"}}, "attributes"),
        ({"attributes": {f"a{number}": 1 for number in range(51)}}, "attributes"),
        ({"photos": "https://shop.example/1.jpg"}, "photos"),
        ({"photos": ["photo.jpg"]}, "photos"),
        ({"photos": ["https://shop.example/1.jpg https://shop.example/2.jpg"]}, "photos"),
        ({"photos": [f"https://shop.example/{number}.jpg" for number in range(250)]}, "photos"),
        ({"photos": ["https://shop.example/" + "é" * 600]}, "photos"),
        ({"price": "NaN"}, "price"),
        ({"price": "Infinity"}, "price"),
        ({"price": float("nan")}, "detail"),
        ({"price": "1e8"}, "price"),
        ({"price": "1e999999"}, "price"),
        ({"price": 10**400}, "price"),
        ({"price": True}, "price"),
        ({"price": None}, "price"),
        ({"currency": "Euro"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"active": "maybe"}, "active"),
        ({"active": None}, "active"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"link": "https://shop.example/\x01"}, "link"),
        ({"image_url": "ftp://shop.example/a.jpg"}, "image_url"),
        ({"image_url": "/etc/passwd"}, "image_url"),
        ({"image_url": "http://a\x00b"}, "image_url"),
        ({"image_url": "http://a.example/1.jpg,ftp://a.example/2.jpg http://"}, "image_url"),
        ({"name": "\u200b"}, "name"),
        ({"image_url": "http://" + "a" * 2000}, "image_url"),
        ({"image": "mug.jpg"}, "image"),
        ({"image": b"GIF89a but not really"}, "image"),
        ({"image": b""}, "image"),
        ({"pirce": 9}, "pirce"),
        ({"Price": 9}, "Price"),
        ({"x" * 10_000: 1}, "x" * 50),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_bad_field_gets_400_and_a_sentence(
    send: Send, make_product: MakeProduct, method: str, fields: Any, field: str
) -> None:
    path = f"{LIST}{make_product('Old', sku='old').pk}/" if method == "PUT" else LIST
    make_product(sku="taken")
    status, errors = send(method, path, MUG | fields)
    assert (status, errors.keys()) == (400, {field})
    assert not Product.objects.filter(sku="m1").exists()
    assert not Category.objects.filter(name__startswith="C").exists()


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        (LIST, {"pirce": 9}, "There is no such field. Did you mean price?"),
        (f"{LIST}by-sku/mug/", {"img_url": ""}, "There is no such field. Did you mean image_url?"),
        (f"{LIST}batch/", {"delte": []}, "There is no such field. Did you mean delete?"),
        (f"{LIST}refetch/", {"ids": [1]}, "There is no such field. There are: skus."),
    ],
)
def test_misspelt_field_gets_the_nearest_one(
    staff: Client, path: str, body: dict[str, Any], sentence: str
) -> None:
    send = staff.put if "by-sku" in path else staff.post
    answer = send(path, body, "application/json")
    assert answer.status_code == 400
    assert answer.json()[next(iter(body))] == [sentence]
    assert not Product.objects.exists()


def test_misspelt_field_of_an_item_fails_that_item(staff: Client) -> None:
    items = [{"sku": "a", "image": None}, {**MUG, "sku": "b"}]
    answer = staff.post(f"{LIST}batch/", {"products": items}, "application/json").json()
    assert [result["status"] for result in answer["results"]] == ["failed", "created"]
    assert answer["results"][0]["errors"] == {
        "image": ["There is no such field. Did you mean image_url?"]
    }


def test_product_can_be_read_and_sent_back(staff: Client, make_product: MakeProduct) -> None:
    path = f"{LIST}{make_product().pk}/"
    product = staff.get(path).json()
    answer = staff.put(path, product | {"price": 9.5}, "application/json")
    assert (answer.status_code, answer.json()) == (200, product | {"price": 9.5})


def test_path_that_an_import_left_behind_can_be_sent_back(
    staff: Client, make_product: MakeProduct
) -> None:
    kept, other = make_product(image_url="mug.jpg"), make_product()
    for product, status in ((kept, 200), (other, 400)):
        path = f"{LIST}{product.pk}/"
        body = staff.get(path).json() | {"image_url": "mug.jpg"}
        assert staff.put(path, body, "application/json").status_code == status


def test_upload_over_the_limit_gets_413(send: Send) -> None:
    status, errors = send("POST", LIST, MUG | {"image": b"\xff\xd8" + bytes(10 * 2**20)})
    assert (status, errors["detail"]) == (413, "The file is too large; the maximum is 10 MB.")


@pytest.mark.parametrize("body", [b"[]", b'"m1"', b"null", b"{", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("path", [LIST, f"{LIST}batch/"])
def test_body_that_is_no_object_gets_400(staff: Client, path: str, body: bytes) -> None:
    assert staff.post(path, body, "application/json").status_code == 400


def test_other_content_types_get_415(staff: Client) -> None:
    assert staff.post(LIST, b"m1", "text/csv").status_code == 415
    assert staff.post(f"{LIST}batch/", MUG).status_code == 415, "a batch is JSON"


def test_conflict_that_only_the_database_sees_gets_409(staff: Client) -> None:
    def fail(**_: object) -> None:
        raise IntegrityError("FOREIGN KEY constraint failed: category 7 in db.sqlite3")

    pre_save.connect(fail, sender=Category)
    try:
        response = staff.post(LIST, MUG, "application/json")
    finally:
        pre_save.disconnect(fail, sender=Category)
    assert response.status_code == 409
    assert response.json() == {"detail": "Somebody changed the same just now. Try again."}


def test_new_category_takes_the_right_to_add_one(
    send: Send, clerk: User, make_product: MakeProduct
) -> None:
    clerk.user_permissions.remove(Permission.objects.get(codename="add_category"))
    assert "no such category" in send("POST", LIST, MUG)[1]["category"][0]
    make_product(category="Home")
    assert send("POST", LIST, MUG)[0] == 201


@pytest.mark.parametrize("query", ["category=%00", "search=%00", f"category={'c' * 251}"])
def test_impossible_filter_gets_400(staff: Client, query: str) -> None:
    assert staff.get(f"{LIST}?{query}").status_code == 400


@pytest.mark.parametrize("pk", [0, 999, 2**63 - 1, 2**63, 2**70, 10**400, "9" * 5000, "-1", "1.0"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_id_of_nothing_gets_404_in_json(send: Send, method: str, pk: Any) -> None:
    assert send(method, f"{LIST}{pk}/", MUG)[0] == 404


@pytest.mark.parametrize("pk", [2**63, 2**70, "9" * 5000])
def test_id_beyond_the_database_is_no_page_and_has_no_look_alikes(
    db: None, client: Client, pk: Any
) -> None:
    for path in (f"/products/{pk}/", f"/api/products/{pk}/similar/"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("header", ["Token false", "Token", "Token a b", "token \xff", ""])
def test_false_token_gets_401_and_how_to_come_back(db: None, header: str) -> None:
    response = Client(headers={"Authorization": header}).post(LIST, MUG)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"


def test_token_of_someone_who_left_gets_401(staff: Client, clerk: User) -> None:
    User.objects.filter(pk=clerk.pk).update(is_active=False)
    assert staff.get(LIST).status_code == 401
