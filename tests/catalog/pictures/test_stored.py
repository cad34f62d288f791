import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import ValidationError
from django.test import Client
from PIL import Image

from catalog.models import EmbeddingStatus
from catalog.pictures.storage import files_of
from catalog.pictures.stored import (
    STORED_SIDE,
    THUMBNAIL_SIDE,
    NewPicture,
    PictureFormField,
    sha256,
)
from tests.conftest import MakeProduct, Picture


def test_picture_is_named_by_the_digest_of_its_stored_bytes(
    make_product: MakeProduct, picture: Picture
) -> None:
    image = make_product(image=picture(1)).image
    with image.open():
        digest = sha256(image.read())
    assert image.name == f"pictures/{digest[:2]}/{digest}.jpg"
    assert image.digest == digest


def test_same_bytes_are_stored_once(
    make_product: MakeProduct, picture: Picture, settings: Any
) -> None:
    names = {make_product(image=picture(1)).image.name for _ in range(2)}
    assert len(names) == 1
    assert len(list(Path(settings.MEDIA_ROOT).rglob("*.*"))) == 2  # the picture, its thumbnail


def test_thumbnail_is_made_when_the_picture_is_stored(
    make_product: MakeProduct, picture: Picture, client: Client
) -> None:
    image = make_product(image=picture(1, (1600, 800))).image
    assert image.thumbnail_url == f"/media/thumbnails/{image.digest[:2]}/{image.digest}.jpg"
    response = client.get(image.thumbnail_url)
    data = response.getvalue()
    assert Image.open(BytesIO(data)).size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 2)
    assert len(data) < 20_000


def test_picture_put_there_by_hand_stands_for_its_thumbnail(
    make_product: MakeProduct, picture: Picture
) -> None:
    product = make_product()
    assert product.image.thumbnail_url == ""
    product.image.storage.save("by-hand.jpg", ContentFile(picture(3)))
    product.image = "by-hand.jpg"
    assert product.image.thumbnail_url == "/media/by-hand.jpg"


def test_picture_whose_thumbnail_is_gone_is_stored_again(
    make_product: MakeProduct, picture: Picture
) -> None:
    image = make_product(image=picture(1)).image
    image.storage.delete(files_of(str(image.name))[1])
    assert not image.is_stored()
    assert make_product(image=picture(1)).image.is_stored()


def test_row_holds_bytes_until_it_is_saved_and_no_longer(
    make_product: MakeProduct, picture: Picture
) -> None:
    product = make_product()
    product.image.save(None, ContentFile(picture(1)), save=False)
    assert product.image.in_hand
    product.save()
    assert not product.image.in_hand


def test_file_cut_short_by_a_crash_is_stored_again(
    make_product: MakeProduct, picture: Picture
) -> None:
    first = make_product(image=picture(1))
    os.truncate(first.image.path, 100)
    again = make_product(image=picture(1))
    assert again.embedding_status == EmbeddingStatus.READY
    assert again.image.digest == first.image.digest


def test_stored_picture_keeps_nothing_but_its_pixels() -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 29.0)}  # GPS
    exif[0x010E] = "my kitchen"
    source = BytesIO()
    Image.new("RGB", (3000, 1500), "teal").save(source, "JPEG", exif=exif, comment=b"mine")
    stored = Image.open(BytesIO(NewPicture(source.getvalue()).read()))
    assert stored.size == (STORED_SIDE, STORED_SIDE // 2)
    assert not stored.getexif()
    assert "comment" not in stored.info


def test_bytes_that_are_no_picture_fail_with_a_sentence_and_are_not_shown(
    make_product: MakeProduct, client: Client
) -> None:
    product = make_product(image=b"<script>alert(1)</script>")
    assert product.embedding_status == EmbeddingStatus.FAILED
    assert "not a picture" in product.embedding_error
    assert client.get(product.image.url).status_code == 404
    assert product.image.thumbnail_url == ""


def test_form_field_refuses_what_the_gate_refuses() -> None:
    with pytest.raises(ValidationError, match="not a picture"):
        PictureFormField().clean(SimpleUploadedFile("photo.jpg", b"%!PS-Adobe"))


def test_form_field_gives_a_picture(picture: Picture) -> None:
    cleaned = PictureFormField().clean(SimpleUploadedFile("photo.txt", picture(1)))
    assert isinstance(cleaned, NewPicture)
    assert cleaned.source_digest == sha256(picture(1))


def test_media_has_a_fixed_type_and_is_not_sniffed(
    make_product: MakeProduct, picture: Picture, client: Client
) -> None:
    response = client.get(make_product(image=picture(1)).image.url)
    response.close()
    assert response.status_code == 200
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in response["Cache-Control"]


@pytest.mark.parametrize("path", ["../db.sqlite3", "pictures/", "pictures/a.html", "missing.jpg"])
def test_media_serves_nothing_else(client: Client, path: str) -> None:
    assert client.get(f"/media/{path}").status_code == 404


def test_digest_of_a_file_put_there_by_hand_is_that_of_its_bytes(
    make_product: MakeProduct, picture: Picture
) -> None:
    product = make_product()
    product.image.storage.save("by-hand.jpg", ContentFile(picture(3)))
    product.image = "by-hand.jpg"
    product.save()
    assert product.image.digest == sha256(picture(3))
