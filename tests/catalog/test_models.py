from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from catalog.models import Category, EmbeddingStatus, Product
from tests.conftest import MakeProduct, Picture


def test_product_is_embedded_after_commit(make_product: MakeProduct, picture: Picture) -> None:
    product = make_product(image=picture(1))
    assert product.embedding_status == EmbeddingStatus.READY
    assert len(product.embedding) == 4 * 1280
    assert product.embedder.startswith("efficientnet_lite0-")
    assert product.embedding_digest == product.image.digest
    assert product.embedded_at is not None


def test_save_leaves_the_vector_of_an_unchanged_picture_alone(
    make_product: MakeProduct,
    picture: Picture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    product = make_product(image=picture(1))
    before = bytes(product.embedding)
    product.price = Decimal("5")
    with django_capture_on_commit_callbacks() as callbacks:
        product.save()
    product.refresh_from_db()
    assert product.embedding_status == EmbeddingStatus.READY
    assert bytes(product.embedding) == before
    assert callbacks == []


def test_save_of_a_stale_instance_keeps_what_a_worker_wrote(
    make_product: MakeProduct, picture: Picture
) -> None:
    product = make_product(image=picture(1))
    stale = Product.objects.get(pk=product.pk)
    Product.objects.filter(pk=product.pk).update(embedding=b"new" * 4, embedder="new-1")
    stale.name = "Renamed"
    stale.save()
    product.refresh_from_db()
    assert (product.name, product.embedder) == ("Renamed", "new-1")
    assert bytes(product.embedding) == b"new" * 4


def test_new_picture_makes_the_product_pending_at_once(
    make_product: MakeProduct, picture: Picture
) -> None:
    product = make_product(image=picture(1))
    product.image = ContentFile(picture(2), "other.jpg")
    product.save()
    assert product.embedding_status == EmbeddingStatus.PENDING
    assert not Product.objects.searchable(product.embedder).filter(pk=product.pk).exists()


def test_removed_picture_makes_the_product_unsearchable(
    make_product: MakeProduct, picture: Picture
) -> None:
    product = make_product(image=picture(1))
    product.image = ""
    product.save()
    assert not Product.objects.searchable(product.embedder).filter(pk=product.pk).exists()


def test_every_change_draws_a_new_revision(make_product: MakeProduct) -> None:
    product = make_product()
    seen = {product.revision}
    product.save()
    seen.add(product.revision)
    product.save(update_fields=["name"])
    product.refresh_from_db()
    seen.add(product.revision)
    Product.objects.filter(pk=product.pk).update(active=False)
    product.refresh_from_db()
    seen.add(product.revision)
    assert len(seen) == 4


def test_lists_leave_the_vector_in_the_database(
    make_product: MakeProduct, picture: Picture
) -> None:
    make_product(image=picture(1))
    assert "embedding" in Product.objects.get().get_deferred_fields()


def test_database_refuses_a_negative_price(make_product: MakeProduct) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_product(price="-1")


def test_database_refuses_a_second_product_of_the_same_sku(make_product: MakeProduct) -> None:
    make_product(sku="a")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_product(sku="a")


def test_database_refuses_a_ready_product_without_a_vector(make_product: MakeProduct) -> None:
    product = make_product()
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.filter(pk=product.pk).update(embedding_status=EmbeddingStatus.READY)


def test_validation_names_the_negative_price(make_product: MakeProduct) -> None:
    product = make_product()
    product.price = Decimal("-1")
    with pytest.raises(ValidationError, match="price"):
        product.full_clean()


@pytest.mark.django_db
def test_category_names_are_unique() -> None:
    Category.objects.create(name="Home")
    with pytest.raises(IntegrityError), transaction.atomic():
        Category.objects.create(name="Home")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["home", "HOME ", "\uff28ome", "Home\u200b"])
def test_category_is_the_same_however_its_name_is_written(name: str) -> None:
    Category.objects.create(name="Home")
    with pytest.raises(IntegrityError), transaction.atomic():
        Category.objects.create(name=name)
    with pytest.raises(ValidationError, match="There is this category already: Home"):
        Category(name=name).full_clean()


@pytest.mark.django_db
def test_category_may_be_renamed_in_case_only() -> None:
    category = Category.objects.create(name="Home")
    category.name = "HOME"
    category.full_clean()
    category.save()
    assert (category.name, category.key) == ("HOME", "home")
    Category.objects.bulk_create([Category(name="Küche")])
    assert Category.objects.get(key="küche").name == "Küche"


def test_forms_bring_values_into_the_form_that_files_give_them(make_product: MakeProduct) -> None:
    product = make_product(currency="€", link="//shop.example/a b", image_url="//a.example/b c.jpg")
    product.name = "Salt &amp; Pepper\u200b"
    product.full_clean()
    assert (product.name, product.currency) == ("Salt & Pepper", "EUR")
    assert product.link == "https://shop.example/a%20b"
    assert product.image_url == "https://a.example/b%20c.jpg"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Mug\x07"),
        ("sku", "m\x00"),
        ("currency", "XXX"),
        ("currency", ""),
        ("link", "javascript:alert(1)"),
        ("image_url", "ftp://a.example/b.jpg"),
        ("image_url", "http://a.example/1.jpg, http://a.example/2.jpg"),
    ],
)
def test_forms_refuse_what_files_refuse(make_product: MakeProduct, field: str, value: str) -> None:
    product = make_product()
    setattr(product, field, value)
    with pytest.raises(ValidationError) as raised:
        product.full_clean()
    assert raised.value.message_dict.keys() == {field}


def test_row_with_a_value_of_old_is_untouched_until_a_form_edits_it(
    make_product: MakeProduct,
) -> None:
    product = make_product(currency="zzz")
    product.price = 5
    product.save()
    product.refresh_from_db()
    assert product.currency == "zzz"


def test_saving_something_else_does_not_revive_a_failed_picture(
    make_product: MakeProduct, django_capture_on_commit_callbacks: Any
) -> None:
    product = make_product(image=b"no picture")
    product.price = Decimal("5")
    with django_capture_on_commit_callbacks() as callbacks:
        product.save()
        Product.objects.get(pk=product.pk).save(update_fields=["name"])
    product.refresh_from_db()
    assert product.embedding_status == EmbeddingStatus.FAILED
    assert callbacks == []


def test_uploading_again_revives_a_failed_picture(
    make_product: MakeProduct, picture: Picture
) -> None:
    product = make_product(image=b"no picture")
    product.image = ContentFile(picture(1), "photo.jpg")
    product.save()
    assert product.embedding_status == EmbeddingStatus.PENDING


def test_stale_instance_that_saves_another_column_asks_for_nothing(
    make_product: MakeProduct, picture: Picture, django_capture_on_commit_callbacks: Any
) -> None:
    product = make_product(image=picture(1))
    stale = Product.objects.get(pk=product.pk)
    with django_capture_on_commit_callbacks(execute=True):
        product.image = ContentFile(picture(2), "other.jpg")
        product.save()
    stale.save(update_fields=["name"])
    stale.save()
    product.refresh_from_db()
    assert product.embedding_status == EmbeddingStatus.READY
