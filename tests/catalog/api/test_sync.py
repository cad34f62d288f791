from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models.signals import post_init
from django.test import Client

from catalog.models import Category, Product
from tests.catalog.conftest import LIST, MUG, Send
from tests.catalog.local_servers import Serve, http
from tests.conftest import MakeProduct, Messages, Picture

BATCH = f"{LIST}batch/"
REFETCH = f"{LIST}refetch/"


def quoted(sku: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sku.encode())


@pytest.mark.parametrize("sku", ["m1", "a/b//c", "50% & more?", "ünï/", "..", "batch", "x" * 64])
def test_upsert_creates_then_updates_by_sku(staff: Client, sku: str) -> None:
    path = f"{LIST}by-sku/{quoted(sku)}/"
    new = {"name": "Mug", "category": "Home", "price": "9.99"}
    created = staff.put(path, new, "application/json")
    assert (created.status_code, created.json()["sku"]) == (201, sku)
    updated = staff.put(path, {"price": "8"}, "application/json")
    assert (updated.status_code, updated.json()["price"]) == (200, 8)
    assert staff.get(path).json() == updated.json()
    assert staff.delete(path).status_code == 204
    assert staff.get(path).status_code == 404


def test_upsert_that_changes_nothing_leaves_the_row_alone(
    send: Send, staff: Client, picture: Picture
) -> None:
    path, fields = f"{LIST}by-sku/m1/", MUG | {"image": picture(1)}
    assert send("PUT", path, fields)[0] == 201
    before = Product.objects.values().get()
    assert send("PUT", path, fields)[0] == 200
    assert send("PUT", path, MUG | {"price": "9.990"})[0] == 400
    assert send("PUT", path, MUG | {"price": 9.99, "active": True})[0] == 200
    assert send("PATCH", f"{LIST}{before['id']}/", {"name": " Mug "})[0] == 200
    assert Product.objects.values().get() == before
    assert send("PUT", path, fields | {"image": picture(2)})[0] == 200
    assert Product.objects.values().get()["revision"] != before["revision"]


def test_upload_stays_though_its_address_changes(
    send: Send, picture: Picture, make_product: MakeProduct
) -> None:
    product = make_product(sku="m1", image=picture(1))
    fields = {"image": picture(1), "image_url": "http://127.0.0.1/a.jpg"}
    status, answer = send("PUT", f"{LIST}by-sku/m1/", fields)
    assert (status, answer["image_url"]) == (200, "http://127.0.0.1/a.jpg")
    assert answer["image_src"].endswith(product.image.url)


def test_upsert_of_a_new_sku_says_what_it_needs(send: Send) -> None:
    status, errors = send("PUT", f"{LIST}by-sku/m1/", {"price": 1})
    assert (status, errors.keys()) == (400, {"name", "category"})


@pytest.mark.parametrize("sku", ["a\x00b", "a\x1fb", "x" * 65, " "])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_impossible_sku_in_the_address_gets_400(send: Send, method: str, sku: str) -> None:
    status, errors = send(method, f"{LIST}by-sku/{quoted(sku)}/", MUG | {"sku": sku})
    assert (status, errors.keys()) == (400, {"sku"})


def test_sku_beside_that_of_the_address_gets_400(send: Send) -> None:
    assert send("PUT", f"{LIST}by-sku/m2/", MUG)[1] == {
        "sku": ["This is not the SKU in the address."]
    }


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_sku_that_another_product_has_gets_400(
    send: Send, make_product: MakeProduct, method: str
) -> None:
    make_product(sku="m1")
    path = LIST if method == "POST" else f"{LIST}{make_product(sku='m2').pk}/"
    status, errors = send(method, path, MUG | {"category": "Lone"})
    assert (status, errors) == (400, {"sku": ["Another product has this SKU."]})
    assert not Category.objects.filter(name="Lone").exists(), "it leaves nothing behind"


def test_upsert_changes_the_product_that_another_request_creates_meanwhile(
    send: Send, make_product: MakeProduct
) -> None:
    """A product that was looked up in vain may exist by the time it is saved."""

    def create_it(**_: object) -> None:
        post_init.disconnect(create_it, sender=Product)
        make_product("Cup", sku="m1")

    post_init.connect(create_it, sender=Product)
    status, answer = send("PUT", f"{LIST}by-sku/m1/", MUG)
    assert (status, answer["name"]) == (200, "Mug")
    assert Product.objects.get().name == "Mug"


def outcomes(answer: Any) -> list[tuple[str, str]]:
    return [(result["sku"], result["status"]) for result in answer["results"]]


def test_batch_tells_what_became_of_each_item_in_order(
    send: Send, make_product: MakeProduct
) -> None:
    mug, old = make_product(sku="m1"), make_product(sku="old")
    products = [
        MUG | {"name": "Big Mug"},
        MUG | {"sku": "new"},
        {"sku": "bad", "price": "-1"},
        {"sku": "new", "price": "9.99"},
        MUG | {"sku": "lone", "category": "Lone", "link": "no address"},
        {"sku": "m1", "price": 1},
    ]
    status, answer = send("POST", BATCH, {"products": products, "delete": ["old", "gone"]})
    assert status == 200
    new = Product.objects.get(sku="new")
    results = answer["results"]
    assert results[0] == {"sku": "m1", "status": "updated", "id": mug.pk, "errors": {}}
    assert results[1] == {"sku": "new", "status": "created", "id": new.pk, "errors": {}}
    assert (results[2]["status"], results[2]["errors"].keys()) == ("failed", {"price"})
    assert results[3] == {"sku": "new", "status": "unchanged", "id": new.pk, "errors": {}}
    assert (results[4]["id"], results[4]["errors"].keys()) == (None, {"link"})
    assert results[5]["status"] == "updated"
    assert results[6] == {"sku": "old", "status": "deleted", "id": old.pk, "errors": {}}
    assert results[7]["errors"] == {"sku": ["There is no product with this SKU."]}
    assert list(Product.objects.values_list("sku", "name")) == [("m1", "Big Mug"), ("new", "Mug")]
    assert not Category.objects.filter(name="Lone").exists(), "a failed item leaves nothing behind"


def test_batch_again_changes_nothing(send: Send) -> None:
    products = [MUG, MUG | {"sku": "m2"}]
    assert outcomes(send("POST", BATCH, {"products": products})[1]) == [
        ("m1", "created"),
        ("m2", "created"),
    ]
    before = list(Product.objects.values())
    assert outcomes(send("POST", BATCH, {"products": products})[1]) == [
        ("m1", "unchanged"),
        ("m2", "unchanged"),
    ]
    assert list(Product.objects.values()) == before


def test_batch_asks_for_all_pictures_at_once(
    send: Send, make_product: MakeProduct, picture: Picture, messages: Messages
) -> None:
    for i in range(3):
        make_product(sku=f"m{i}", image=picture(i))
    messages.clear()
    products = [{"sku": f"m{i}", "image_url": f"http://127.0.0.1/{i}.jpg"} for i in range(3)]
    _, answer = send("POST", BATCH, {"products": products})
    ids = [result["id"] for result in answer["results"]]
    assert messages == [("fetch", "catalog.Product", ids)]


@pytest.mark.parametrize(
    "item",
    ["m1", None, [], {}, {"sku": None}, {"sku": ["m1"]}, {"sku": "a\x00"}, {"sku": "new"}],
    ids=repr,
)
def test_item_that_is_no_product_fails_alone(send: Send, item: Any) -> None:
    _, answer = send("POST", BATCH, {"products": [item, MUG], "delete": [item, "m1"]})
    assert [result["status"] for result in answer["results"][:2]] == ["failed", "created"]
    assert answer["results"][0]["errors"]
    deletions = [result["status"] for result in answer["results"][2:]]
    assert deletions == (["deleted", "failed"] if item == "m1" else ["failed", "deleted"])


def test_number_deletes_no_product(send: Send, make_product: MakeProduct) -> None:
    make_product(sku="1")
    _, answer = send("POST", BATCH, {"delete": [1]})
    errors = {"sku": ['Give the SKU as text, such as "mug-42".']}
    assert answer["results"] == [{"sku": None, "status": "failed", "id": None, "errors": errors}]
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("batch", "field"),
    [
        ({}, "non_field_errors"),
        ({"product": [MUG]}, "product"),
        ({"products": MUG}, "products"),
        ({"products": None}, "products"),
        ({"delete": "m1"}, "delete"),
        ({"products": [MUG] * 300, "delete": ["m1"] * 201}, "non_field_errors"),
    ],
)
def test_batch_of_another_form_gets_400(send: Send, batch: Any, field: str) -> None:
    status, errors = send("POST", BATCH, batch)
    assert (status, errors.keys()) == (400, {field})
    assert not Product.objects.exists()


def test_batch_deletes_only_for_who_may_delete(
    send: Send, clerk: User, make_product: MakeProduct
) -> None:
    make_product(sku="m1")
    clerk.user_permissions.remove(Permission.objects.get(codename="delete_product"))
    assert send("POST", BATCH, {"products": [MUG], "delete": ["m1"]})[0] == 403
    assert send("POST", BATCH, {"products": [MUG]})[0] == 200
    assert Product.objects.exists()


@pytest.mark.parametrize("many", [1, 50])
def test_batch_costs_a_bounded_number_of_queries(
    send: Send, django_assert_max_num_queries: Any, many: int
) -> None:
    products = [MUG | {"sku": f"m{i}"} for i in range(many)]
    with django_assert_max_num_queries(20 + 12 * many):
        send("POST", BATCH, {"products": products})
    with django_assert_max_num_queries(10 + 4 * many):
        send("POST", BATCH, {"products": products})


def test_picture_is_fetched_again_on_request(
    send: Send, staff: Client, picture: Picture, serve: Serve
) -> None:
    server = serve(http(picture(1)))
    product = send("POST", LIST, MUG | {"image_url": server.url})[1]
    server.reply = http(picture(2))
    skus = {"skus": ["m1", "unheard-of"]}
    assert send("POST", REFETCH, skus) == (202, {"pictures": 1, "unknown": ["unheard-of"]})
    path = f"{LIST}{product['id']}/"
    changed = staff.get(path).json()
    assert changed["image_src"] != product["image_src"]
    assert (changed["embedding_status"], changed["refetch_error"]) == ("ready", None)
    server.reply = http(status="404 Not Found")
    assert send("POST", REFETCH, skus)[0] == 202
    kept = staff.get(path).json()
    assert kept["image_src"] == changed["image_src"]
    assert kept["refetch_error"] == "The server answered 404 for this address."


@pytest.mark.parametrize(
    "body", [{}, [], {"skus": []}, {"skus": "m1"}, {"skus": [None]}, {"skus": ["x"] * 501}]
)
def test_request_to_fetch_again_needs_skus(send: Send, body: Any) -> None:
    assert send("POST", REFETCH, body)[0] == 400
