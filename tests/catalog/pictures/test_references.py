"""Real transactions: files go after the commit, and only then."""

import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import IntegrityError, transaction

from catalog import tasks
from catalog.models import Category, Product, ProductPhoto
from catalog.pictures import references
from catalog.pictures.references import discard, unused_pictures
from catalog.pictures.storage import NotStored, files_of, put
from tests.conftest import jpeg

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """No vectors here: they change nothing about files."""
    monkeypatch.setattr(tasks.embed, "delay", lambda *_: None)


def product(seed: int | None = None, sku: str = "a") -> Product:
    home, _ = Category.objects.get_or_create(name="Home")
    made = Product(sku=sku, name="Mug", category=home, price=1)
    if seed is not None:
        made.image = ContentFile(jpeg(seed), "mug.jpg")
    made.save()
    return made


def stored(name: str | None) -> list[bool]:
    """Of the picture and its thumbnail whether they are there."""
    return [default_storage.exists(file) for file in files_of(str(name))]


def age(*files: str) -> None:
    """Make files look as old as can be."""
    for file in files:
        os.utime(default_storage.path(file), (0, 0))


@pytest.mark.parametrize("delete", [Product.delete, lambda _: Product.objects.all().delete()])
def test_picture_goes_with_its_row(delete: Callable[[Product], Any]) -> None:
    mug = product(1)
    assert stored(mug.image.name) == [True, True]
    delete(mug)
    assert stored(mug.image.name) == [False, False]


def test_photo_goes_with_its_product() -> None:
    mug = product(1)
    photo = ProductPhoto.objects.create(product=mug, image=ContentFile(jpeg(2), "side.jpg"))
    Product.objects.get(pk=mug.pk).delete()
    assert stored(photo.image.name) == [False, False]


def test_replaced_picture_goes() -> None:
    mug = product(1)
    first = mug.image.name
    mug.image = ContentFile(jpeg(2), "other.jpg")
    mug.save()
    assert stored(first) == [False, False]
    assert stored(mug.image.name) == [True, True]


def test_picture_taken_off_goes() -> None:
    mug = product(1)
    first = mug.image.name
    mug.image.delete()
    assert not Product.objects.get().image
    assert stored(first) == [False, False]


def test_picture_that_another_row_has_stays() -> None:
    mug, cup = product(1), product(1, sku="b")
    photo = ProductPhoto.objects.create(product=cup, image=ContentFile(jpeg(1), "side.jpg"))
    assert mug.image.name == cup.image.name == photo.image.name
    mug.delete()
    Product.objects.filter(pk=cup.pk).update(image="")
    assert not discard(str(photo.image.name))
    assert stored(photo.image.name) == [True, True]
    photo.delete()
    assert stored(photo.image.name) == [False, False]


def test_nothing_goes_before_the_commit_nor_after_a_rollback() -> None:
    mug = product(1)
    with transaction.atomic():
        mug.delete()
        assert stored(mug.image.name) == [True, True]
        transaction.set_rollback(True)
    assert stored(mug.image.name) == [True, True]


def test_file_that_nobody_of_ours_put_there_stays() -> None:
    default_storage.save("by-hand.jpg", ContentFile(jpeg(1)))
    mug = product()
    mug.image = "by-hand.jpg"
    mug.save()
    mug.delete()
    assert default_storage.exists("by-hand.jpg")


def test_file_removed_between_save_and_commit_is_stored_again() -> None:
    mug = product(1)
    with transaction.atomic():
        cup = product(1, sku="b")
        for file in files_of(str(mug.image.name)):  # as another's discard, which can't see the cup
            default_storage.delete(file)
    assert stored(cup.image.name) == [True, True]


def test_file_is_put_back_for_a_row_committed_during_its_removal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mug = product(1)
    answers = iter([False, True])  # nobody has it, says the first look; the second finds the mug
    monkeypatch.setattr(references, "is_wanted", lambda _: next(answers))
    assert not discard(str(mug.image.name))
    assert stored(mug.image.name) == [True, True]


def test_stale_row_does_not_bring_a_replaced_picture_back() -> None:
    mug = product(1)
    stale = Product.objects.get()
    mug.image = ContentFile(jpeg(2), "other.jpg")
    mug.save()
    stale.name = "Renamed"
    stale.save()
    kept = Product.objects.get()
    assert (kept.name, kept.image.name) == ("Renamed", mug.image.name)
    assert stored(kept.image.name) == [True, True]


def test_stale_row_that_names_its_picture_does_not_bring_it_back() -> None:
    mug = product(1)
    stale = Product.objects.get()
    mug.image = ContentFile(jpeg(2), "other.jpg")
    mug.save()
    stale.save(update_fields=["name", "image"])
    assert Product.objects.get().image.name == mug.image.name
    assert stored(mug.image.name) == [True, True]


def test_second_of_two_that_replace_a_picture_discards_that_of_the_first() -> None:
    product(1)
    first, second = Product.objects.get(), Product.objects.get()
    for row, seed in ((first, 2), (second, 3)):
        row.image = ContentFile(jpeg(seed), "other.jpg")
        row.save()
    assert Product.objects.get().image.name == second.image.name
    assert stored(first.image.name) == [False, False]
    assert stored(second.image.name) == [True, True]


def test_new_picture_is_saved_whatever_columns_are_named() -> None:
    mug = product(1)
    mug.image = ContentFile(jpeg(2), "other.jpg")
    mug.save(update_fields=["name"])
    assert Product.objects.get().image.name == mug.image.name


def test_picture_that_was_not_saved_for_an_error_is_saved_the_next_time() -> None:
    mug, cup = product(1), product(2, sku="b")
    mug.image = ContentFile(jpeg(3), "other.jpg")
    mug.sku = cup.sku
    with pytest.raises(IntegrityError):
        mug.save()
    mug.sku = "c"
    mug.save()
    assert Product.objects.get(sku="c").image.name == mug.image.name
    assert stored(mug.image.name) == [True, True]


def test_picture_that_was_not_read_is_kept_unless_it_is_set() -> None:
    mug = product(1)
    unread = Product.objects.defer("image").get()
    unread.save()
    assert Product.objects.get().image.name == mug.image.name
    unread = Product.objects.defer("image").get()
    unread.image = ""
    unread.save()
    assert not Product.objects.get().image
    assert stored(mug.image.name) == [False, False]


def test_row_that_was_never_read_keeps_the_picture_in_an_update() -> None:
    mug = product(1)
    Product(pk=mug.pk, name="Renamed").save(update_fields=["name"])
    kept = Product.objects.get()
    assert (kept.name, kept.image.name) == ("Renamed", mug.image.name)


def test_saving_without_a_new_picture_looks_for_no_old_one(
    django_assert_num_queries: Any,
) -> None:
    product(1)
    read = Product.objects.get()
    with django_assert_num_queries(3):  # begin, update, commit
        read.save()


def test_unused_pictures_are_those_of_no_row() -> None:
    mug = product(1)
    with transaction.atomic():
        lost = product(2, sku="b").image.name
        transaction.set_rollback(True)
    assert list(unused_pictures()) == [], "an hour must pass"
    age(*files_of(str(lost)), *files_of(str(mug.image.name)))
    assert list(unused_pictures()) == [lost]


def test_command_removes_unused_pictures_and_what_a_crash_left() -> None:
    mug = product(1)
    with transaction.atomic():
        lost = str(product(2, sku="b").image.name)
        transaction.set_rollback(True)
    default_storage.delete(lost)  # only its thumbnail is there
    part = f"{mug.image.name}.0123456789abcdef.part"
    put(default_storage, part, b"half")
    age(str(mug.image.name), files_of(lost)[1], part)
    output = StringIO()
    call_command("remove_unused_pictures", dry_run=True, stdout=output)
    assert sorted(output.getvalue().split()) == sorted([lost, part])
    call_command("remove_unused_pictures", stdout=output)
    assert "2 unused pictures removed" in output.getvalue()
    assert stored(mug.image.name) == [True, True]
    assert stored(lost) == [False, False]
    assert not default_storage.exists(part)


def test_crash_while_writing_leaves_nothing_under_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(NotStored, match="The picture can't be stored"):
        put(default_storage, "pictures/aa/whole.jpg", b"bytes")
    assert default_storage.listdir("pictures/aa") == ([], [])
