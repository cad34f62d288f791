from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models.signals import post_save
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from catalog.embedding.columns import NEVER
from catalog.models import Category, EmbeddingStatus, Product, ProductPhoto
from catalog.pictures.slots import DECODING
from catalog.values import MAX_PICTURES
from tests.conftest import MakeProduct, Picture

LIST = "/admin/catalog/product/"


@pytest.fixture
def home(db: None) -> Category:
    """A category."""
    return Category.objects.create(name="Home")


def form(category: Category, **changes: Any) -> dict[str, Any]:
    fields = {"name": "Mug", "sku": "m1", "category": category.pk, "price": "9.99"}
    fields |= {"currency": "USD", "active": "on", "link": "", "image_url": ""}
    fields |= {"availability": "in_stock"}
    return fields | {"photos-TOTAL_FORMS": 0, "photos-INITIAL_FORMS": 0} | changes


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


@pytest.mark.parametrize("name", ["name", "sku", "image_url"])
def test_control_characters_are_refused(admin_client: Client, home: Category, name: str) -> None:
    response = admin_client.post(f"{LIST}add/", form(home, **{name: "https://a.example/M\x0bug"}))
    (error,) = response.context["adminform"].form.errors[name]
    assert "control characters" in error
    assert not Product.objects.exists()


def test_picture_is_named_by_an_address_unless_an_import_left_its_path(
    admin_client: Client, make_product: MakeProduct
) -> None:
    mug = make_product(image_url="photos/mug.jpg")
    save = partial(admin_client.post, f"{LIST}{mug.pk}/change/")
    response = save(form(mug.category, sku=mug.sku, image_url="photos/other.jpg"))
    assert response.context["adminform"].form.errors["image_url"] == ["Give an http(s) address."]
    data = form(mug.category, sku=mug.sku, name="Beaker", image_url="photos/mug.jpg")
    assert save(data).status_code == 302
    assert save(data | {"image_url": "//a.example/a mug.jpg"}).status_code == 302
    mug.refresh_from_db()
    assert (mug.name, mug.image_url) == ("Beaker", "https://a.example/a%20mug.jpg")


def test_pages_have_an_icon(client: Client) -> None:
    assert "favicon.svg" in client.get("/admin/login/").content.decode()


def test_control_characters_in_a_category_are_refused(admin_client: Client, db: None) -> None:
    admin_client.post("/admin/catalog/category/add/", {"name": "Ho\x0bme"})
    assert not Category.objects.exists()


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
    assert product.image.thumbnail_url in page
    assert product.image.url not in page
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
        ("state=missing", {"Cup", "Mug", "Lamp"}),
        ("state=ready", set()),
        ("state=outdated", set()),
        ("state=nonsense", {"Cup", "Mug", "Lamp"}),
        ("found=no", {"Cup", "Mug", "Lamp"}),
        ("found=yes", set()),
        ("found=hidden", set()),
        ("price=nonsense", {"Cup", "Mug", "Lamp"}),
        ("o=5", {"Cup", "Mug", "Lamp"}),
    ],
)
def test_list_can_be_filtered(
    admin_client: Client, make_product: MakeProduct, query: str, names: set[str]
) -> None:
    make_product("Cup", price="20", sale_price="9.99")
    for name, price in (("Mug", "10"), ("Lamp", "50")):
        make_product(name, price=price)
    response = admin_client.get(f"{LIST}?{query}", follow=True)
    assert {product.name for product in response.context["cl"].result_list} == names


def test_markup_in_names_stays_text(admin_client: Client, make_product: MakeProduct) -> None:
    make_product("<script>alert(1)</script>")
    page = admin_client.get(reverse("admin:catalog_product_changelist")).content.decode()
    assert "<script>alert(1)" not in page


def test_number_of_queries_does_not_grow_with_the_catalog(
    admin_client: Client, make_product: MakeProduct, picture: Picture
) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(address).status_code == 200
        assert not any('"embedding",' in query["sql"] for query in captured.captured_queries)
        return len(captured)

    mug = make_product(image=picture(1))
    ProductPhoto.objects.create(product=mug, image=ContentFile(picture(2), "side.jpg"))
    addresses = ("/admin/", LIST, f"{LIST}{mug.pk}/change/", f"{LIST}progress/")
    ContentType.objects.get_for_model(Product)  # which Django caches for the process
    few = [queries(address) for address in addresses]
    for number in range(8):
        ProductPhoto.objects.create(product=make_product(f"Cup {number}"))
        ProductPhoto.objects.create(product=mug, position=number)
    assert [queries(address) for address in addresses] == few


def test_photo_is_added_through_the_gate(
    admin_client: Client,
    make_product: MakeProduct,
    picture: Picture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    mug = make_product(image=picture(1))
    photo = {"product": mug.pk, "position": "1", "image_url": ""}
    data = form(mug.category, sku=mug.sku) | {"photos-TOTAL_FORMS": 1}
    data |= {f"photos-0-{name}": value for name, value in photo.items()}
    address = f"{LIST}{mug.pk}/change/"
    upload = SimpleUploadedFile("a.jpg", b"no picture")
    page = admin_client.post(address, data | {"photos-0-image": upload}).content.decode()
    assert "This is not a picture" in page
    upload = SimpleUploadedFile("a.jpg", picture(2))
    with django_capture_on_commit_callbacks(execute=True):
        assert admin_client.post(address, data | {"photos-0-image": upload}).status_code == 302
    added = mug.photos.get()
    assert added.embedding_status == EmbeddingStatus.READY
    assert added.image.thumbnail_url in admin_client.get(address).content.decode()


def test_slot_for_decoding_is_free_again_when_the_product_is_saved(
    admin_client: Client, home: Category, picture: Picture
) -> None:
    """Otherwise one who waits for a lock would keep others from having pictures decoded."""
    held: list[bool] = []

    def look(**_: object) -> None:
        held.append(bool(DECODING.held))

    post_save.connect(look, sender=Product)
    try:
        upload = SimpleUploadedFile("mug.jpg", picture(1))
        admin_client.post(f"{LIST}add/", form(home, image=upload))
    finally:
        post_save.disconnect(look, sender=Product)
    assert held == [False]
    assert Product.objects.get().image


def test_product_with_as_many_photos_as_a_file_can_give_is_saved(
    admin_client: Client, make_product: MakeProduct
) -> None:
    mug = make_product()
    ProductPhoto.objects.bulk_create(ProductPhoto(product=mug) for _ in range(MAX_PICTURES - 1))
    data = form(mug.category, sku=mug.sku, name="Beaker")
    data |= dict.fromkeys(("photos-TOTAL_FORMS", "photos-INITIAL_FORMS"), MAX_PICTURES - 1)
    for place, photo in enumerate(mug.photos.all()):
        fields = {"id": photo.pk, "product": mug.pk, "image_url": "", "position": 0}
        data |= {f"photos-{place}-{name}": value for name, value in fields.items()}
    assert admin_client.post(f"{LIST}{mug.pk}/change/", data).status_code == 302
    assert Product.objects.get().name == "Beaker"


def test_saving_the_form_keeps_the_picture(
    admin_client: Client, make_product: MakeProduct, picture: Picture
) -> None:
    mug = make_product(image=picture(1))
    data = form(mug.category, sku=mug.sku, name="Beaker")
    assert admin_client.post(f"{LIST}{mug.pk}/change/", data).status_code == 302
    saved = Product.objects.get()
    assert (saved.name, saved.image.name) == ("Beaker", mug.image.name)
    assert saved.embedding_status == EmbeddingStatus.READY


def test_says_that_an_upload_is_not_the_picture_at_the_address(
    admin_client: Client, make_product: MakeProduct, picture: Picture
) -> None:
    product = make_product(image=picture(1), image_url="https://shop.example/mug.jpg")
    page = f"{LIST}{product.pk}/change/"
    note = "This picture was uploaded; the one at its address is not used."
    assert note in admin_client.get(page).content.decode()
    Product.objects.update(refetch_at=timezone.now())  # as after it was fetched
    assert note not in admin_client.get(page).content.decode()
    Product.objects.update(refetch_at=NEVER, image_url="mug.jpg")  # as after an import of a file
    assert note not in admin_client.get(page).content.decode()


@pytest.mark.parametrize("address", ["/admin/", LIST])
def test_banner_tells_of_products_that_search_cannot_find(
    admin_client: Client, make_product: MakeProduct, picture: Picture, address: str
) -> None:
    make_product(image=picture(1))
    assert 'class="invisible' not in admin_client.get(address).content.decode()
    for name in ("Bare", "Bare, too"):
        make_product(name)
    make_product("Broken", image=b"no picture")
    waits = make_product("Waits")
    Product.objects.filter(pk=waits.pk).update(image_url="https://a.example/mug.jpg")
    page = admin_client.get(address).content.decode()
    assert "3 products can't be found:" in page
    for state, count in (("missing", 2), ("failed", 1), ("pending", 1)):
        link = f"{LIST}?found=no&amp;state={state}"
        assert link in page
        found = admin_client.get(link.replace("&amp;", "&")).context["cl"].result_list
        assert len(found) == count
    assert "2 pictures missing" in page
    assert f"{LIST}progress/" in page


def test_banner_is_for_those_who_may_see_products(
    client: Client, make_product: MakeProduct
) -> None:
    make_product("Bare")
    client.force_login(User.objects.create_user("ada", is_staff=True))
    assert 'class="invisible' not in client.get("/admin/").content.decode()


def test_form_keeps_a_currency_as_files_do(admin_client: Client, home: Category) -> None:
    admin_client.post(f"{LIST}add/", form(home, currency="usd"))
    assert Product.objects.get().currency == "USD"
    response = admin_client.post(f"{LIST}add/", form(home, sku="m2", currency="XXX"))
    assert "ISO 4217" in response.context["adminform"].form.errors["currency"][0]


def test_form_takes_a_price_as_files_do(admin_client: Client, home: Category) -> None:
    admin_client.post(f"{LIST}add/", form(home, price="1.234,5"))
    assert str(Product.objects.get().price) == "1234.50"


@pytest.mark.parametrize(
    ("price", "reason"),
    [("cheap", "not a number"), ("1.234", "can mean"), ("5 EUR", "in its own field"), ("", "requ")],
)
def test_form_says_what_is_wrong_with_a_price(
    admin_client: Client, home: Category, price: str, reason: str
) -> None:
    page = admin_client.post(f"{LIST}add/", form(home, price=price))
    (error,) = page.context["adminform"].form.errors["price"]
    assert reason in error


def test_form_keeps_every_field(admin_client: Client, home: Category) -> None:
    fields = {"brand": "Acme &amp; Sons", "group": "mugs", "availability": "preorder"}
    fields |= {"sale_price": "7,50", "attributes": "Size=M; color=red"}
    admin_client.post(f"{LIST}add/", form(home, **fields))
    mug = Product.objects.get()
    assert (mug.brand, mug.group, mug.availability) == ("Acme & Sons", "mugs", "preorder")
    assert (str(mug.sale_price), mug.attributes) == ("7.50", {"size": "M", "colour": "red"})
    shown = admin_client.get(f"{LIST}{mug.pk}/change/").context["adminform"].form
    assert shown["attributes"].value() == '{"size": "M", "colour": "red"}'
    admin_client.post(f"{LIST}{mug.pk}/change/", form(home, attributes=""))
    mug.refresh_from_db()
    assert (mug.brand, mug.sale_price, mug.attributes) == ("", None, {})


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("sale_price", "9.99", "above 0 and below the price"),
        ("sale_price", "cheap", "not a number"),
        ("attributes", "red", "like size=M; colour=red"),
        ("attributes", "{" * 100_000, "not valid JSON"),
        ("attributes", '{"a":' * 100_000, "not valid JSON"),
        ("availability", "perhaps", "not one of the available choices"),
    ],
)
def test_form_says_what_is_wrong_with_a_field(
    admin_client: Client, home: Category, field: str, value: str, reason: str
) -> None:
    page = admin_client.post(f"{LIST}add/", form(home, **{field: value}))
    (error,) = page.context["adminform"].form.errors[field]
    assert reason in error


@pytest.mark.parametrize("query", ["q=acme", "q=mugs", "availability__exact=preorder"])
def test_list_finds_products_by_brand_group_and_availability(
    admin_client: Client, make_product: MakeProduct, query: str
) -> None:
    mug = make_product("Cup", brand="Acme", group="mugs", availability="preorder", sale_price=5)
    make_product("Plate")
    page = admin_client.get(f"{LIST}?{query}")
    assert list(page.context["cl"].result_list) == [mug]
    assert "$5.00 (was $9.99)" in page.content.decode()


def test_form_refuses_control_characters(admin_client: Client, home: Category) -> None:
    response = admin_client.post(f"{LIST}add/", form(home, name="Mug\x07"))
    assert "control characters" in response.context["adminform"].form.errors["name"][0]


def test_category_that_differs_in_case_only_is_refused(
    admin_client: Client, home: Category
) -> None:
    response = admin_client.post("/admin/catalog/category/add/", {"name": "HOME"})
    reason = response.context["adminform"].form.errors["name"][0]
    assert reason == "There is this category already: Home."
    assert admin_client.get("/admin/catalog/category/?q=home").status_code == 200
