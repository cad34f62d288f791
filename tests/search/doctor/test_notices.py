from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog import tasks
from catalog.embedders.runtime import Embedder
from catalog.embedding.claims import claim
from catalog.models import Category, EmbeddingStatus, Product, ProductPhoto
from tests.conftest import MakeProduct
from tests.search.doctor.conftest import Examine, blurred, demo, encoded, tiny

pytestmark = pytest.mark.django_db(transaction=True)
ADD = "/admin/catalog/product/add/"


@pytest.fixture
def mug(make_product: MakeProduct) -> Product:
    return make_product("<b>Mug", image=encoded(demo(0)))


def give(client: Client, path: str, **fields: Any) -> str:
    """The page after a product was saved in the admin."""
    category = Category.objects.get_or_create(name="Home")[0]
    form = {"name": "Cup", "sku": "cup", "category": category.pk, "price": "5", "currency": "EUR"}
    form |= {"photos-TOTAL_FORMS": "0", "photos-INITIAL_FORMS": "0", "active": "on"}
    form["availability"] = "in_stock"
    page = client.post(path, form | fields, follow=True)
    assert Product.objects.filter(sku="cup").exists()
    return str(page.content.decode())


def upload(image: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("cup.jpg", image)


def test_says_which_product_has_the_picture(mug: Product, admin_client: Client) -> None:
    page = give(admin_client, ADD, image=upload(encoded(demo(0).reduce(2))))
    link = f'<a href="/admin/catalog/product/{mug.pk}/change/">&lt;b&gt;Mug</a>'
    assert f"This picture is already on “{link}” ({mug.sku})." in page


def test_says_so_of_a_further_photo(mug: Product, admin_client: Client) -> None:
    photo = {"photos-TOTAL_FORMS": "1", "photos-0-position": "0"}
    page = give(admin_client, ADD, **photo, **{"photos-0-image": upload(encoded(demo(0)))})
    assert ProductPhoto.objects.exists()
    assert "This picture is already on" in page


def test_says_nothing_of_a_picture_that_is_new(mug: Product, admin_client: Client) -> None:
    page = give(admin_client, ADD, image=upload(encoded(demo(1))))
    assert "already on" not in page
    assert "Look at the new picture" not in page


def test_says_nothing_where_the_picture_stays(
    mug: Product, make_product: MakeProduct, admin_client: Client
) -> None:
    cup = make_product("Cup", sku="cup", image=encoded(demo(0)))
    page = give(admin_client, f"/admin/catalog/product/{cup.pk}/change/", price="7")
    assert "already on" not in page


def test_says_that_a_picture_is_tiny(admin_client: Client) -> None:
    page = give(admin_client, ADD, image=upload(encoded(tiny(demo(0)))))
    assert "The shorter side has 160 pixels" in page


def test_says_that_a_picture_is_blurred_beside_the_others(
    make_product: MakeProduct, admin_client: Client, look: Examine
) -> None:
    for number in range(20):
        make_product(f"Product {number}", image=encoded(demo(number)))
    look()
    page = give(admin_client, ADD, image=upload(encoded(blurred(demo(30)))))
    assert "as sharp as pictures of this catalog usually are" in page


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of pictures in each batch that is embedded."""
    batches = []
    embed = Embedder.embed

    def count(embedder: Embedder, pixels: Any) -> Any:
        batches.append(len(pixels))
        return embed(embedder, pixels)

    monkeypatch.setattr(Embedder, "embed", count)
    return batches


def test_picture_is_embedded_once(mug: Product, admin_client: Client, embedded: list[int]) -> None:
    page = give(admin_client, ADD, image=upload(encoded(demo(0).reduce(2))))
    assert "This picture is already on" in page
    assert embedded == [1]


def test_picture_that_waits_for_a_worker_is_embedded_once_for_both(
    mug: Product, admin_client: Client, embedded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[tuple[str, list[int]]] = []  # to a worker that is slow
    monkeypatch.setattr(tasks.embed, "delay", lambda *message: messages.append(message))
    page = give(admin_client, ADD, image=upload(encoded(demo(0).reduce(2))))
    assert "This picture is already on" in page
    for message in messages:
        tasks.embed(*message)
    assert (len(messages), embedded) == (1, [1])


def test_tells_of_the_same_file_while_a_worker_has_the_picture(
    mug: Product, admin_client: Client, embedded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def claim_it(model: str, ids: list[int]) -> None:
        assert claim(Product.objects.get(pk=ids[0]))

    monkeypatch.setattr(tasks.embed, "delay", claim_it)
    page = give(admin_client, ADD, image=upload(encoded(demo(0))))
    assert "This picture is already on" in page
    assert embedded == []
    assert Product.objects.get(sku="cup").embedding_status == EmbeddingStatus.PENDING


def test_saves_without_a_network(mug: Product, admin_client: Client, settings: Any) -> None:
    settings.MODEL_DIR = settings.INDEX_DIR
    settings.EMBEDDER = "mobilenet_v2"
    assert "already on" not in give(admin_client, ADD, image=upload(encoded(demo(0))))
