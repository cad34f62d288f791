from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client

from catalog.models import EmbeddingStatus, Product, ProductPhoto
from catalog.pictures.stored import sha256
from tests.catalog.local_servers import Serve, http
from tests.conftest import MakeProduct, Messages, Picture

LIST = "/admin/catalog/product/"
FAILED = {"embedding_status": EmbeddingStatus.FAILED, "embedding_error": "It is torn."}


@pytest.fixture
def act(admin_client: Client, django_capture_on_commit_callbacks: Any) -> Any:
    """Runs an action on all products, and gives the page that follows."""

    def act_on_all(action: str, client: Client = admin_client) -> str:
        ids = list(Product.objects.values_list("pk", flat=True))
        with django_capture_on_commit_callbacks(execute=True):
            form = {"action": action, "_selected_action": ids}
            return str(client.post(LIST, form, follow=True).content.decode())

    return act_on_all


def test_retry_reads_what_failed_or_waits_and_nothing_else(
    act: Any, messages: Messages, make_product: MakeProduct, picture: Picture
) -> None:
    torn, waits, _, bare = (
        *(make_product(image=picture(seed)) for seed in range(3)),
        make_product("Bare"),
    )
    Product.objects.filter(pk=torn.pk).update(**FAILED, embedding_due_at=None)
    Product.objects.filter(pk=waits.pk).update(embedding_status=EmbeddingStatus.PENDING)
    messages.clear()
    assert "2 pictures are being read again." in act("retry")
    assert messages == [("embed", "catalog.Product", [torn.pk, waits.pk])]
    ready = Product.objects.filter(embedding_status=EmbeddingStatus.READY)
    assert set(Product.objects.all()) - set(ready) == {bare}


def test_retry_reads_the_photos_too(
    act: Any, messages: Messages, make_product: MakeProduct, picture: Picture
) -> None:
    photo = ProductPhoto.objects.create(
        product=make_product(image=picture(1)), image=ContentFile(picture(2), "side.jpg")
    )
    messages.clear()
    assert "1 picture is being read again." in act("retry")
    assert messages == [("embed", "catalog.ProductPhoto", [photo.pk])]
    photo.refresh_from_db()
    assert photo.embedding_status == EmbeddingStatus.READY


def test_re_embed_reads_all_pictures_in_one_request(
    act: Any, messages: Messages, make_product: MakeProduct, picture: Picture
) -> None:
    products = [make_product(image=picture(seed)) for seed in range(2)]
    make_product("Bare")
    messages.clear()
    assert "2 pictures are being read again." in act("embed_again")
    assert messages == [("embed", "catalog.Product", [product.pk for product in products])]
    for product in products:
        before = product.embedded_at
        product.refresh_from_db()
        assert product.embedding_status == EmbeddingStatus.READY
        assert product.embedded_at != before


def test_fetch_again_replaces_pictures_by_those_at_their_addresses(
    act: Any, make_product: MakeProduct, picture: Picture, serve: Serve
) -> None:
    server = serve(http(picture(1)))
    product = make_product(image_url=server.url)
    make_product(image=picture(1))
    server.reply = http(picture(2))
    assert "1 picture is being fetched again." in act("refetch")
    product.refresh_from_db()
    assert product.image_source_digest == sha256(picture(2))
    assert product.embedding_status == EmbeddingStatus.READY


def test_fetch_again_says_what_to_run_for_many_without_a_broker(
    act: Any, make_product: MakeProduct, picture: Picture, serve: Serve, monkeypatch: Any
) -> None:
    monkeypatch.setattr("catalog.tasks.TASK_ROWS", 1)
    monkeypatch.setattr("catalog.admin.actions.TASK_ROWS", 1)
    server = serve(http(picture(1)))
    for _ in range(3):
        make_product(image_url=server.url)
    asked = server.connections
    page = act("refetch")
    assert "3 pictures are being fetched again. Run manage.py refetch_pictures for" in page
    assert server.connections == asked + 1


def test_list_shows_what_could_not_be_fetched_again(
    act: Any, make_product: MakeProduct, picture: Picture, serve: Serve, admin_client: Client
) -> None:
    server = serve(http(picture(1)))
    make_product("Gone mug", image_url=server.url)
    make_product("Fine mug", image=picture(1))
    server.reply = http(status="410 Gone")
    act("refetch")
    page = admin_client.get(LIST, {"state": "not fetched again"}).text
    assert "Gone mug" in page
    assert "Fine mug" not in page
    assert "The server answered 410 for this address." in page


def test_hide_and_show_say_how_many_they_changed(
    act: Any, make_product: MakeProduct, picture: Picture
) -> None:
    shown, _ = make_product("Shown"), make_product("Hidden", active=False)
    assert "1 product is hidden now." in act("hide")
    assert not Product.objects.filter(active=True).exists()
    hidden = Product.objects.get(pk=shown.pk)
    assert hidden.revision != shown.revision
    assert hidden.updated_at > shown.updated_at
    assert "2 products are shown now." in act("show")
    assert Product.objects.filter(active=True).count() == 2


@pytest.mark.parametrize("action", ["retry", "embed_again", "refetch", "hide", "show"])
def test_who_may_only_look_can_not_act(
    act: Any, client: Client, make_product: MakeProduct, action: str
) -> None:
    product = make_product()
    staff = User.objects.create_user("ada", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_product"))
    client.force_login(staff)
    act(action, client)
    assert Product.objects.get().revision == product.revision
