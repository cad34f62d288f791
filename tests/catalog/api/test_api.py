from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from catalog.models import EmbeddingStatus, Product
from tests.catalog.conftest import LIST, MUG, Send
from tests.conftest import MakeProduct, Messages, Picture


def test_creates_a_product_and_says_where_it_is(staff: Client, client: Client) -> None:
    response = staff.post(LIST, MUG | {"currency": "EUR"}, "application/json")
    product = Product.objects.get()
    assert response.status_code == 201
    assert response["Location"] == f"http://testserver/api/products/{product.pk}/"
    assert response.json() == {
        "id": product.pk,
        "sku": "m1",
        "name": "Mug",
        "category": "Home",
        "price": 9.99,
        "sale_price": None,
        "currency": "EUR",
        "brand": "",
        "group": "",
        "availability": "in_stock",
        "attributes": {},
        "image_src": None,
        "photo_srcs": [],
        "url": f"http://testserver/products/{product.pk}/",
        "link": "",
        "active": True,
        "image_url": "",
        "photos": [],
        "embedding_status": "pending",
        "embedding_error": "",
        "refetch_error": None,
    }
    assert client.get(response["Location"]).json()["name"] == "Mug"


def test_values_are_read_by_the_rules_for_files(send: Send) -> None:
    fields = {
        "name": "Salt &amp; Pepper\u200b",
        "category": "HOME",
        "price": "1.234,56",
        "currency": "€",
        "link": "https://shop.example/a b",
        "image_url": "//pictures.example/blue dress.jpg",
    }
    assert send("POST", LIST, MUG | {"sku": "m2"})[0] == 201
    status, product = send("POST", LIST, MUG | fields)
    assert status == 201
    assert (product["name"], product["category"]) == ("Salt & Pepper", "Home")
    assert (product["price"], product["currency"]) == (1234.56, "EUR")
    assert product["link"] == "https://shop.example/a%20b"
    assert product["image_url"] == "https://pictures.example/blue%20dress.jpg"
    path = f"{LIST}by-sku/m1/"
    before = Product.objects.get(sku="m1").revision
    assert send("PUT", path, MUG | fields | {"category": "home", "currency": "eur"})[0] == 200
    assert Product.objects.get(sku="m1").revision == before, "nothing differs"
    assert Product.objects.values("category").distinct().count() == 1


def test_writes_and_shows_every_field_of_a_product(send: Send, client: Client) -> None:
    fields = {
        "sale_price": 7.5,
        "currency": "EUR",
        "brand": "Acme &amp; Sons",
        "group": "mugs",
        "availability": "https://schema.org/OutOfStock",
        "attributes": {"Size": "M", "color": "red", "watts": 40, "fit": None},
        "photos": ["https://shop.example/2.jpg", "//shop.example/a b.jpg"],
    }
    shown = fields | {
        "brand": "Acme & Sons",
        "availability": "out_of_stock",
        "attributes": {"size": "M", "colour": "red", "watts": "40"},
        "photos": ["https://shop.example/2.jpg", "https://shop.example/a%20b.jpg"],
    }
    status, product = send("POST", LIST, MUG | fields)
    assert (status, product) == (201, product | shown)
    path = f"{LIST}{product['id']}/"
    assert send("PUT", path, product | {"photos": shown["photos"][::-1]})[0] == 200
    assert send("PATCH", path, {"name": "Cup"})[1]["photos"] == shown["photos"][::-1]
    seen = client.get(path).json()
    assert {"photos", "image_url"}.isdisjoint(seen), "only staff see where pictures come from"
    assert (seen["brand"], seen["photo_srcs"]) == ("Acme & Sons", [])
    ended = {"sale_price": None, "attributes": {}, "photos": [], "brand": "", "group": ""}
    assert send("PATCH", path, ended)[1] == product | {"name": "Cup"} | ended


def test_sale_price_must_stay_below_the_price(send: Send) -> None:
    path = f"{LIST}by-sku/m1/"
    assert send("PUT", path, MUG | {"sale_price": "7.50"})[0] == 201
    status, errors = send("PUT", path, {"price": 7})
    assert (status, errors) == (
        400,
        {"sale_price": ["A sale price must be above 0 and below the price."]},
    )
    assert send("PUT", path, {"price": 7, "sale_price": None})[1]["price"] == 7


@pytest.mark.parametrize(
    ("fields", "price", "currency"),
    [
        ({"price": "29.00 EUR"}, 29, "EUR"),
        ({"price": "29 EUR", "currency": "€"}, 29, "EUR"),
        ({"price": "$29"}, 29, "USD"),
        ({"price": "$29", "currency": "CAD"}, 29, "CAD"),
        ({"price": "29 kr", "currency": "SEK"}, 29, "SEK"),
        ({"price": "1,200 JPY"}, 1200, "JPY"),
        ({"price": 29, "sale_price": "9 GBP"}, 29, "GBP"),
    ],
)
def test_price_may_have_its_currency_beside_it(
    send: Send, fields: Any, price: float, currency: str
) -> None:
    status, product = send("POST", LIST, MUG | fields)
    assert (status, product["price"], product["currency"]) == (201, price, currency)


def test_further_addresses_of_the_picture_become_photos(send: Send) -> None:
    first, second, third = (f"https://shop.example/{number}.jpg" for number in range(3))
    fields = {"image_url": f"{first}, {second}", "photos": [third, first, second]}
    _, product = send("POST", LIST, MUG | fields)
    assert (product["image_url"], product["photos"]) == (first, [second, third])
    _, product = send("PATCH", f"{LIST}{product['id']}/", {"image_url": first})
    assert product["photos"] == [second, third], "one address says nothing about further photos"


def test_photos_are_handed_to_workers_together(send: Send, messages: Messages) -> None:
    photos = [f"http://127.0.0.1/{number}.jpg" for number in range(3)]
    send("POST", LIST, MUG | {"photos": photos})
    assert [(task, len(ids)) for task, model, ids in messages] == [("fetch", 3)]


def test_form_sends_lists_and_attributes_in_its_way(send: Send, picture: Picture) -> None:
    photos = ["https://shop.example/1.jpg", "https://shop.example/2.jpg"]
    fields = MUG | {"image": picture(1), "photos": photos, "attributes": "size=M; colour=red"}
    status, product = send("POST", LIST, fields | {"sale_price": ""})
    assert (status, product["photos"], product["sale_price"]) == (201, photos, None)
    assert product["attributes"] == {"size": "M", "colour": "red"}


def test_everybody_sees_further_photos(
    client: Client, make_product: MakeProduct, picture: Picture, django_assert_num_queries: Any
) -> None:
    for seed in (0, 2):
        product = make_product(image=picture(seed))
        product.photos.create(image=ContentFile(picture(seed + 1), "a.jpg"))
    with django_assert_num_queries(3):
        found = client.get(LIST).json()["results"]
    photo = product.photos.get()
    assert found[1]["photo_srcs"] == [f"http://testserver{photo.image.url}"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("brand=Acme", "AB"),
        ("brand=Acme&availability=in_stock", "A"),
        ("group=g1", "AC"),
        ("group=g1&group=g2", "ABC"),
        ("availability=out_of_stock&availability=preorder", "BC"),
    ],
)
def test_list_filters_by_fields(
    client: Client, make_product: MakeProduct, query: str, names: str
) -> None:
    make_product("A", brand="Acme", group="g1")
    make_product("B", brand="Acme", group="g2", availability="out_of_stock")
    make_product("C", brand="Other", group="g1", availability="preorder")
    found = client.get(f"{LIST}?{query}").json()["results"]
    assert "".join(product["name"] for product in found) == names


def test_list_refuses_an_unknown_availability(client: Client, db: None) -> None:
    response = client.get(f"{LIST}?availability=perhaps")
    assert (response.status_code, response.json().keys()) == (400, {"availability"})


@pytest.mark.parametrize(
    ("sent", "kept"), [(17.939999999999998, 17.94), ("34.0000", 34), ("12,90", 12.9), (7, 7)]
)
def test_prices_are_rounded_to_cents(send: Send, sent: Any, kept: float) -> None:
    assert send("POST", LIST, MUG | {"price": sent})[1]["price"] == kept


def test_list_filters_by_category_however_it_is_written(
    client: Client, make_product: MakeProduct
) -> None:
    make_product(category="Küche")
    make_product(category="Home")
    assert client.get(f"{LIST}?category=KU\u0308CHE").json()["count"] == 1


@pytest.mark.parametrize(("word", "active"), [("ja", True), ("FALSCH", False), ("0", False)])
def test_flag_may_have_the_words_of_files(send: Send, word: str, active: bool) -> None:
    assert send("POST", LIST, MUG | {"active": word})[1]["active"] is active


def test_uploaded_picture_is_searchable_after_the_commit(
    send: Send, client: Client, picture: Picture
) -> None:
    status, product = send("POST", LIST, MUG | {"image": picture(1)})
    assert status == 201
    assert product["active"], "a form that leaves it out does not hide the product"
    assert Product.objects.get().embedding_status == EmbeddingStatus.READY
    found = client.post("/api/search/", {"file": SimpleUploadedFile("a.jpg", picture(1))}).json()
    assert [match["id"] for match in found["results"]] == [product["id"]]


def test_put_replaces_and_patch_changes_a_part(send: Send, make_product: MakeProduct) -> None:
    path = f"{LIST}{make_product(sku='m1', currency='EUR').pk}/"
    status, product = send("PUT", path, MUG | {"sku": "m2", "name": "Cup", "price": 5})
    assert (status, product["sku"], product["name"], product["price"]) == (200, "m2", "Cup", 5)
    assert product["currency"] == "EUR", "what may be left out stays"
    assert send("PUT", path, {"name": "Cup"})[1].keys() == {"sku", "category", "price"}
    status, product = send("PATCH", path, {"category": "Kitchen"})
    assert (status, product["category"], product["name"]) == (200, "Kitchen", "Cup")


def test_picture_can_be_replaced_and_taken_away(
    send: Send, make_product: MakeProduct, picture: Picture
) -> None:
    product = make_product(image=picture(1))
    path = f"{LIST}{product.pk}/"
    _, replaced = send("PATCH", path, {"image": picture(2)})
    assert replaced["image_src"].endswith(".jpg")
    assert not replaced["image_src"].endswith(product.image.url)
    assert send("PATCH", path, {"image": None})[1]["image_src"] is None
    product.refresh_from_db()
    assert not product.image
    assert product.embedding_status == EmbeddingStatus.PENDING


def test_address_of_a_picture_is_kept_for_fetching(send: Send) -> None:
    address = "HTTPS://images:8080/mug.jpg"
    assert send("POST", LIST, MUG | {"image_url": address})[1]["image_url"] == address
    assert Product.objects.get().image_url == address


def test_deletes_a_product(send: Send, make_product: MakeProduct, picture: Picture) -> None:
    path = f"{LIST}{make_product(image=picture(1)).pk}/"
    assert send("DELETE", path) == (204, None)
    assert send("DELETE", path)[0] == 404
    assert not Product.objects.exists()


def test_gives_several_products_by_their_numbers(client: Client, make_product: MakeProduct) -> None:
    first, second, hidden = (make_product(f"Mug {i}", active=i < 2) for i in range(3))
    make_product("Cup")
    asked = {"id": [second.pk, first.pk, hidden.pk]}
    names = [product["name"] for product in client.get(LIST, asked).json()["results"]]
    assert names == ["Mug 0", "Mug 1"]
    assert client.get(LIST, {"id": "mug"}).status_code == 400


def test_markup_is_plain_text(send: Send, client: Client) -> None:
    name = "<script>alert('1')</script> & \u202e"
    status, product = send("POST", LIST, MUG | {"name": name})
    assert (status, product["name"]) == (201, name)
    response = client.get(LIST)
    assert response["Content-Type"] == "application/json"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response.json()["results"][0]["name"] == name


def test_staff_see_hidden_products_and_why_search_does_not_find_them(
    staff: Client, client: Client, make_product: MakeProduct
) -> None:
    broken = make_product("Broken", image=b"no picture", active=False)
    assert client.get(LIST).json()["count"] == 0
    assert client.get(f"{LIST}by-sku/{broken.sku}/").status_code == 404
    assert "embedding_error" not in client.get(f"{LIST}{make_product().pk}/").json()
    seen = staff.get(LIST).json()["results"][0]
    assert seen == staff.get(f"{LIST}{broken.pk}/").json()
    assert (seen["active"], seen["embedding_status"]) == (False, "failed")
    assert "not a picture" in seen["embedding_error"]


def test_command_gives_a_token_that_works(clerk: User, capsys: Any) -> None:
    call_command("drf_create_token", "clerk")
    key = capsys.readouterr().out.split()[2]
    response = Client(headers={"Authorization": f"Token {key}"}).post(LIST, MUG)
    assert response.status_code == 201


@pytest.mark.parametrize("many", [1, 6])
def test_number_of_queries_does_not_grow_with_the_catalog(
    staff: Client, make_product: MakeProduct, django_assert_num_queries: Any, many: int
) -> None:
    for _ in range(many):
        make_product()
    with django_assert_num_queries(4):  # the token, the count, the products, their photos
        assert staff.get(LIST).json()["count"] == many
