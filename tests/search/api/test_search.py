import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from catalog.models import Category, Product
from tests.catalog.local_servers import hosts, http, running_servers
from tests.conftest import MakeProduct, Picture

Post = Callable[..., Any]


@pytest.fixture
def products(make_product: MakeProduct, picture: Picture) -> list[Product]:
    """Six products, the even ones mugs, the odd ones cups of rising price."""
    return [
        make_product(
            f"Product {i}", category=("Mugs", "Cups")[i % 2], price=str(10 + i), image=picture(i)
        )
        for i in range(6)
    ]


@pytest.fixture
def post(client: Client) -> Post:
    """Posts a search as a form; returns status and JSON."""

    def send(path: str = "/api/search/", **fields: Any) -> tuple[int, Any]:
        if isinstance(fields.get("file"), bytes):
            fields["file"] = SimpleUploadedFile("photo.jpg", fields["file"])
        response = client.post(path, fields)
        return response.status_code, response.json()

    return send


def test_photo_of_a_product_finds_that_product_first(
    products: list[Product], post: Post, picture: Picture
) -> None:
    for product, seed in zip(products, range(6), strict=True):
        status, answer = post(file=picture(seed), threshold=0)
        assert status == 200
        assert answer["results"][0]["id"] == product.pk
        assert answer["results"][0]["score"] > 0.99


def test_answer_has_the_fields_of_the_contract(
    products: list[Product], post: Post, picture: Picture
) -> None:
    Product.objects.filter(name="Product 0").update(link="https://shop.example/0")
    _, answer = post(file=picture(0), threshold=0)
    assert answer.keys() == {
        *("results", "count", "nearest", "query", "facets", "index", "timings_ms")
    }
    match = answer["results"][0]
    product = products[0]
    assert match == {
        "id": product.pk,
        "sku": product.sku,
        "name": "Product 0",
        "category": "Mugs",
        "price": 10.0,
        "sale_price": None,
        "currency": "USD",
        "brand": "",
        "group": "",
        "availability": "in_stock",
        "more": 0,
        "image_src": f"http://testserver{product.image.url}",
        "thumbnail_src": f"http://testserver{product.image.thumbnail_url}",
        "url": f"http://testserver/products/{product.pk}/",
        "link": "https://shop.example/0",
        "score": match["score"],
        "match": "exact",
    }
    assert answer["count"] == 6
    assert answer["query"] == {
        "id": answer["query"]["id"],
        "embedder": product.embedder,
        "crop": None,
        "more": [],
        "less": [],
    }
    assert answer["facets"] == {
        "category": [{"name": "Cups", "count": 3}, {"name": "Mugs", "count": 3}],
        "price": {"min": 10.0, "max": 15.0},
        "availability": [{"value": "in_stock", "count": 6}],
    }
    assert answer["index"]["products"] == 6
    assert answer["timings_ms"].keys() == {"decode", "embed", "rank", "total"}
    assert answer["timings_ms"]["total"] > answer["timings_ms"]["embed"] > 0


def test_scores_fall_and_the_threshold_holds(
    products: list[Product], post: Post, picture: Picture
) -> None:
    _, every = post(file=picture(0), threshold=0)
    scores = [match["score"] for match in every["results"]]
    assert scores == sorted(scores, reverse=True)
    middle = (scores[2] + scores[3]) / 2
    _, some = post(file=picture(0), threshold=middle)
    assert [match["id"] for match in some["results"]] == [m["id"] for m in every["results"][:3]]
    assert some["count"] == 3


def test_nothing_close_enough_gives_the_nearest_apart(
    products: list[Product], post: Post, picture: Picture
) -> None:
    status, answer = post(file=picture(77), threshold=1)
    assert status == 200
    assert answer["results"] == []
    assert answer["count"] == 0
    assert len(answer["nearest"]) == len(products)
    assert all(match["score"] < 1 for match in answer["nearest"])


def test_nearest_is_empty_where_there_are_results(
    products: list[Product], post: Post, picture: Picture
) -> None:
    assert post(file=picture(0))[1]["nearest"] == []


def test_filters_by_category_and_price_and_keeps_the_facets_to_choose_from(
    products: list[Product], post: Post, picture: Picture
) -> None:
    _, cups = post(file=picture(0), threshold=0, category="Cups")
    assert {match["category"] for match in cups["results"]} == {"Cups"}
    assert cups["count"] == 3
    assert [facet["name"] for facet in cups["facets"]["category"]] == ["Cups", "Mugs"]
    _, both = post(file=picture(0), threshold=0, category=["Cups", "Mugs"])
    assert both["count"] == 6
    _, same = post(file=picture(0), threshold=0, category=[" cups", "CUPS", "\uff2dugs"])
    assert (same["results"], same["facets"]) == (both["results"], both["facets"])
    _, none = post(file=picture(0), threshold=0, category="Spoons")
    assert none["count"] == 0
    _, dear = post(file=picture(0), threshold=0, min_price="12", max_price="14")
    assert {match["price"] for match in dear["results"]} == {12.0, 13.0, 14.0}


@pytest.mark.parametrize(("ordering", "prices"), [("price", [10, 11]), ("-price", [15, 14])])
def test_orders_by_price(
    products: list[Product], post: Post, picture: Picture, ordering: str, prices: list[int]
) -> None:
    _, answer = post(file=picture(0), threshold=0, ordering=ordering, limit=2)
    assert [match["price"] for match in answer["results"]] == prices
    assert answer["count"] == 6


def test_pages_neither_repeat_nor_skip(
    products: list[Product], post: Post, picture: Picture
) -> None:
    pages = [
        [m["id"] for m in post(file=picture(0), threshold=0, limit=2, page=page)[1]["results"]]
        for page in (1, 2, 3, 4, 99999)
    ]
    assert [len(page) for page in pages] == [2, 2, 2, 0, 0]
    assert len({pk for page in pages for pk in page}) == 6


def test_search_by_product_finds_look_alikes_and_not_itself(
    products: list[Product], client: Client, post: Post
) -> None:
    asked = {"product": products[0].pk, "threshold": 0}
    response = client.post("/api/search/", json.dumps(asked), "application/json")
    assert products[0].pk not in [match["id"] for match in response.json()["results"]]
    assert response.json()["count"] == 5
    similar = client.get(f"/api/products/{products[0].pk}/similar/?threshold=0").json()
    assert similar["results"] == response.json()["results"]


def test_search_by_address(
    products: list[Product], client: Client, picture: Picture, settings: Any
) -> None:
    with running_servers() as serve:
        server = serve(http(picture(2)))
        settings.FETCH_ALLOWED_HOSTS = hosts([server])
        asked = json.dumps({"image_url": server.url})
        response = client.post("/api/search/", asked, "application/json")
    assert response.json()["results"][0]["id"] == products[2].pk


def test_query_can_be_asked_again_with_other_options(
    products: list[Product], client: Client, post: Post, picture: Picture
) -> None:
    _, first = post(file=picture(0), threshold=0, limit=100)
    again = client.get("/api/search/", {"query": first["query"]["id"], "threshold": 0, "limit": 2})
    assert again.json()["results"] == first["results"][:2]
    assert again.json()["timings_ms"]["embed"] == 0, "nothing is computed again"


def test_crop_searches_for_a_part_of_the_photo(
    products: list[Product], post: Post, picture: Picture
) -> None:
    both = Image.new("RGB", (640, 280))
    for i, seed in enumerate((1, 4)):
        both.paste(Image.open(BytesIO(picture(seed))), (320 * i, 0))
    output = BytesIO()
    both.save(output, "PNG")
    for crop, product in (("0,0,0.5,1", products[1]), ("0.5,0,0.5,1", products[4])):
        _, answer = post(file=output.getvalue(), crop=crop, threshold=0)
        assert answer["results"][0]["id"] == product.pk


def test_clients_of_photo_analyzer_get_the_same_answer(
    products: list[Product], post: Post, picture: Picture
) -> None:
    assert post("/search", file=picture(3))[1]["results"][0]["id"] == products[3].pk


@pytest.mark.parametrize("hide", ["delete", "deactivate", "replace"])
def test_what_was_removed_is_not_found(
    products: list[Product], post: Post, picture: Picture, hide: str
) -> None:
    product = products[0]
    if hide == "delete":
        product.delete()
    elif hide == "deactivate":
        product.active = False
        product.save()
    else:
        product.image = SimpleUploadedFile("new.jpg", picture(50))
        product.save()
    found = [match["id"] for match in post(file=picture(0), threshold=0)[1]["results"]]
    assert len(found) == 5
    assert product.pk not in found


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({}, "non_field_errors", "Give one of file, image_url and product."),
        ({"file": b"abc", "product": 1}, "non_field_errors", "Give one of"),
        ({"file": b"this is a text"}, "file", "This is not a picture"),
        ({"file": b""}, "file", "empty"),
        ({"file": "a string"}, "file", "not a file"),
        ({"image_url": "http://127.0.0.1/a.jpg"}, "image_url", "This address can't be fetched"),
        ({"image_url": "not an address"}, "image_url", "This address can't be fetched"),
        ({"image_url": "ftp://example.com/a.jpg"}, "image_url", "This address can't be fetched"),
        ({"image_url": ""}, "non_field_errors", "Give one of"),
        ({"product": 10**6}, "product", "There is no product 1000000."),
        ({"product": "x"}, "product", "integer"),
        ({"product": -1}, "product", "greater than or equal to 1"),
        ({"product": 10**30}, "product", "less than or equal"),
        ({"product": 1, "threshold": "high"}, "threshold", "valid number"),
        ({"product": 1, "threshold": "nan"}, "threshold", "valid number"),
        ({"product": 1, "threshold": "inf"}, "threshold", "valid number"),
        ({"product": 1, "threshold": 1.01}, "threshold", "less than or equal to 1"),
        ({"product": 1, "threshold": -0.1}, "threshold", "greater than or equal to 0"),
        ({"product": 1, "limit": 0}, "limit", "greater than or equal to 1"),
        ({"product": 1, "limit": 101}, "limit", "less than or equal to 100"),
        ({"product": 1, "limit": "ten"}, "limit", "integer"),
        ({"product": 1, "page": 0}, "page", "greater than or equal to 1"),
        ({"product": 1, "min_price": "cheap"}, "min_price", "number"),
        ({"product": 1, "min_price": "NaN"}, "min_price", "number"),
        ({"product": 1, "max_price": "-1"}, "max_price", "greater than or equal to 0"),
        ({"product": 1, "ordering": "name"}, "ordering", "Use -score, price or -price."),
        ({"product": 1, "crop": "0,0,1,1"}, "crop", "Only a photo can be cropped."),
        ({"product": 1, "crop": "1,2"}, "crop", "x,y,width,height"),
        ({"product": 1, "crop": "0,0,nan,1"}, "crop", "x,y,width,height"),
        ({"product": 1, "crop": "0.5,0,0.6,1"}, "crop", "x,y,width,height"),
        ({"product": 1, "crop": "0,0,0,1"}, "crop", "x,y,width,height"),
    ],
)
def test_bad_input_gets_400_and_a_sentence(
    products: list[Product], post: Post, fields: dict[str, Any], field: str, sentence: str
) -> None:
    status, errors = post(**fields)
    assert status == 400
    assert sentence in " ".join(errors[field])


@pytest.mark.parametrize(
    ("status", "sentence"), [("404 Not Found", "404"), ("500 Internal Server Error", "500")]
)
def test_address_that_gives_no_picture_gets_400(
    products: list[Product], post: Post, settings: Any, status: str, sentence: str
) -> None:
    with running_servers() as serve:
        server = serve(http(b"nothing here", status=status))
        settings.FETCH_ALLOWED_HOSTS = hosts([server])
        code, errors = post(image_url=server.url)
    assert code == 400
    assert sentence in errors["image_url"][0]


def test_address_of_a_text_gets_400(products: list[Product], post: Post, settings: Any) -> None:
    with running_servers() as serve:
        server = serve(http(b"<html>hello</html>"))
        settings.FETCH_ALLOWED_HOSTS = hosts([server])
        code, errors = post(image_url=server.url)
    assert (code, errors.keys()) == (400, {"image_url"})
    assert "not a picture" in errors["image_url"][0]


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"text"', b"null", b'{"product": NaN}', b"\xff\xfe", b"[" * 100_000,
     b'{"product": 1e999}', b'{"product": {"a": 1}}', b'{"threshold": [1], "product": 1}',
     b'{"category": "Cups", "product": 1}', b'{"image_url": "\\ud800"}'],
    ids=lambda body: repr(body[:24]),
)  # fmt: skip
def test_bad_json_gets_400(products: list[Product], client: Client, body: bytes) -> None:
    response = client.post("/api/search/", body, "application/json")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/json"


def test_other_content_types_get_415(client: Client) -> None:
    response = client.post("/api/search/", b"x", "text/plain")
    assert response.status_code == 415
    assert "text/plain" in response.json()["detail"]


def test_file_over_the_limit_gets_413(products: list[Product], post: Post) -> None:
    status, errors = post(file=b"\xff\xd8" + bytes(10 * 2**20))
    assert status == 413
    assert errors["detail"] == "The file is too large; the maximum is 10 MB."


@pytest.mark.django_db
def test_empty_catalog_gets_503_and_the_command(post: Post, picture: Picture) -> None:
    status, errors = post(file=picture(0))
    assert status == 503
    assert "Run: python manage.py build_embeddings" in errors["detail"]


def test_missing_network_gets_503_and_the_command(
    products: list[Product], post: Post, picture: Picture, settings: Any, tmp_path: Path
) -> None:
    settings.MODEL_DIR = tmp_path
    status, errors = post(file=picture(0))
    assert status == 503
    assert "download_model --embedder efficientnet_lite0" in errors["detail"]


@pytest.mark.parametrize("query", ["", "gone", "../../etc", "product-999999", "product-", "a" * 99])
def test_unknown_query_gets_400(products: list[Product], client: Client, query: str) -> None:
    response = client.get("/api/search/", {"query": query})
    assert response.status_code == 400
    assert response.json()["query"]


@pytest.mark.parametrize("pk", [999999, 2**70])
def test_look_alikes_of_no_product_get_404(
    products: list[Product], client: Client, pk: int
) -> None:
    assert client.get(f"/api/products/{pk}/similar/").status_code == 404


@pytest.mark.parametrize("sku", ["m1", "a/b//c", "50% & more?", "ünï/", "similar"])
def test_look_alikes_are_found_by_sku(products: list[Product], client: Client, sku: str) -> None:
    Product.objects.filter(pk=products[0].pk).update(sku=sku)
    by_sku = client.get(f"/api/products/by-sku/{quote(sku)}/similar/?threshold=0&limit=2").json()
    by_id = client.get(f"/api/products/{products[0].pk}/similar/?threshold=0&limit=2").json()
    assert len(by_sku["results"]) == 2
    assert by_sku | {"timings_ms": {}} == by_id | {"timings_ms": {}}


def test_look_alikes_by_sku_say_what_is_wrong(products: list[Product], client: Client) -> None:
    Product.objects.filter(pk=products[0].pk).update(sku="hidden", active=False)
    for sku in ("hidden", "nowhere", "a/b"):
        unknown = client.get(f"/api/products/by-sku/{sku}/similar/")
        assert unknown.status_code == 404
        assert unknown.json() == {"detail": "There is no product with this SKU."}
    for path in (f"{'x' * 65}/similar/", f"{products[1].sku}/similar/?limit=0"):
        assert client.get(f"/api/products/by-sku/{path}").status_code == 400
    refused = client.put("/api/products/by-sku/nowhere/similar/")
    assert refused.status_code == 405


def test_number_of_queries_does_not_grow_with_the_catalog(
    products: list[Product],
    make_product: MakeProduct,
    picture: Picture,
    post: Post,
    django_assert_num_queries: Any,
) -> None:
    post(file=picture(0))
    with django_assert_num_queries(5):  # the index's three looks, the products, the facets' names
        post(file=picture(0), threshold=0)
    for seed in range(6, 12):
        make_product(image=picture(seed))
    post(file=picture(0))
    with django_assert_num_queries(5):
        post(file=picture(0), threshold=0)


def test_products_are_listed_without_vectors(
    products: list[Product], client: Client, django_assert_num_queries: Any
) -> None:
    Product.objects.filter(pk=products[0].pk).update(active=False)
    with django_assert_num_queries(3) as queries:
        answer = client.get("/api/products/?search=product&category=Cups&limit=2").json()
    assert answer["count"] == 3
    assert [product["name"] for product in answer["results"]] == ["Product 1", "Product 3"]
    assert not any('"embedding"' in query["sql"] for query in queries.captured_queries)


def test_product_and_categories_can_be_read(products: list[Product], client: Client) -> None:
    product = client.get(f"/api/products/{products[1].pk}/").json()
    assert (product["name"], product["category"], product["price"]) == ("Product 1", "Cups", 11.0)
    assert client.get("/api/categories/").json() == [
        {"id": Category.objects.get(name="Cups").pk, "name": "Cups", "products": 3},
        {"id": Category.objects.get(name="Mugs").pk, "name": "Mugs", "products": 3},
    ]


def test_only_staff_see_categories_without_active_products(
    products: list[Product], make_product: MakeProduct, client: Client, admin_client: Client
) -> None:
    make_product(category="Secret collection", active=False)
    Category.objects.create(name="Empty")

    def names(reader: Client) -> list[str]:
        return [category["name"] for category in reader.get("/api/categories/").json()]

    assert names(client) == ["Cups", "Mugs"]
    assert names(admin_client) == ["Cups", "Empty", "Mugs", "Secret collection"]
    secret = client.get("/api/products/?category=Secret collection")
    unknown = client.get("/api/products/?category=Unknown")
    assert secret.json()["count"] == unknown.json()["count"] == 0
    for page in ("/", "/products/", "/map/", "/map/?list=1", "/api/schema/", "/api/products/"):
        assert b"Secret collection" not in client.get(page).content
        assert b">Empty<" not in client.get(page).content


def test_hidden_product_can_not_be_read(make_product: MakeProduct, client: Client) -> None:
    product = make_product(active=False)
    assert client.get(f"/api/products/{product.pk}/").status_code == 404
    assert client.get(f"/products/{product.pk}/").status_code == 404


def test_schema_and_docs_are_served(client: Client) -> None:
    assert client.get("/api/schema/").status_code == 200
    assert b"swagger" in client.get("/api/docs/").content


@pytest.mark.parametrize(
    "damaged", [b"", b"abc", bytes(4 * 1280), b"\x00\x00\x80\x3f" + bytes(4 * 63)]
)
def test_damaged_vector_is_told_and_harms_no_other(
    products: list[Product], client: Client, post: Post, picture: Picture, damaged: bytes
) -> None:
    broken = products[0]
    Product.objects.filter(pk=broken.pk).update(embedding=damaged)
    status, errors = post(product=broken.pk)
    assert (status, errors) == (400, {"product": [NOT_READ]})
    assert client.get(f"/api/products/{broken.pk}/similar/").status_code == 400
    assert client.get(f"/?query=product-{broken.pk}").status_code == 400
    assert client.get(broken.get_absolute_url()).status_code == 200
    found = [match["id"] for match in post(file=picture(1), threshold=0)[1]["results"]]
    assert len(found) == 5
    assert broken.pk not in found


NOT_READ = "This product's picture has not been read yet. Try again soon."


def test_trouble_with_the_cache_costs_only_the_second_question(
    products: list[Product], client: Client, post: Post, picture: Picture, settings: Any
) -> None:
    """On disk it is a file in the way, in Redis a server that is down."""
    settings.PHOTOS_DIR.write_text("no folder")
    for url in ("", "redis://127.0.0.1:1/0"):
        settings.CACHE_URL = url
        status, answer = post(file=picture(0))
        assert (status, answer["results"][0]["id"]) == (200, products[0].pk)
        again = client.get("/api/search/", {"query": answer["query"]["id"]})
        assert again.status_code == 400
        assert "has expired" in again.json()["query"][0]


@pytest.mark.parametrize(
    "url", ["/products/?q=%00", "/products/?category=%00", f"/products/?q={'a' * 300}"]
)
def test_filter_that_no_database_takes_gets_400(
    products: list[Product], client: Client, url: str
) -> None:
    assert client.get(url).status_code == 400


def test_crop_at_the_very_edge_still_sees_the_photo(
    products: list[Product], post: Post, picture: Picture
) -> None:
    assert post(file=picture(0), crop="1,0,0.0000001,1")[0] == 200


@pytest.mark.parametrize("path", ["/api/search/", "/search"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]"])
def test_address_of_this_machine_is_not_even_connected_to(
    products: list[Product], post: Post, path: str, host: str
) -> None:
    with running_servers() as serve:
        server = serve(http(b"secret"))
        status, errors = post(path, image_url=f"http://{host}:{server.port}/a.jpg")
        assert server.connections == 0
    assert (status, errors.keys()) == (400, {"image_url"})
    assert str(server.port) not in str(errors)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../../evil.jpg",
            "/etc/passwd",
            "..\\..\\evil.jpg",
            "C:\\evil.jpg",
            "evil.php",
            "a\x00.jpg",
        ),
        *("%2e%2e%2fevil.jpg", "." * 200, "a" * 255 + ".jpg", "\u202egpj.exe", "con", "a\nb.jpg"),
    ],
    ids=lambda name: repr(name[:16]),
)
def test_name_of_an_upload_means_nothing(
    products: list[Product], client: Client, picture: Picture, name: str
) -> None:
    upload = SimpleUploadedFile("a.jpg", picture(2))
    upload.__dict__["_name"] = name  # Django's own setter would clean it before it is sent
    response = client.post("/api/search/", {"file": upload})
    assert response.status_code == 200
    assert response.json()["results"][0]["id"] == products[2].pk
    assert "evil" not in response.content.decode()


def test_names_the_item_of_a_list_that_is_wrong(client: Client, db: None) -> None:
    answer = client.get("/api/search/?query=product-1&category=Home&category=%00")
    assert answer.status_code == 400
    (sentence,) = answer.json()["category"]
    assert sentence.startswith("Item 2: ")
