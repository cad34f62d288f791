"""Pictures in a bucket, of a real server that speaks S3."""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from moto.server import ThreadedMotoServer
from PIL import Image

from catalog.pictures import references
from catalog.pictures.s3 import BucketStorage
from catalog.pictures.storage import NotStored, put
from tests.conftest import MakeProduct, Picture

BUCKET = "shop-pictures"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a server of S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The bucket that the settings name."""
    for name, value in {
        "AWS_ENDPOINT_URL_S3": s3,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    settings.MEDIA_STORAGE = f"s3://{BUCKET}"
    backend = "catalog.pictures.s3.BucketStorage"
    options = {"bucket_name": BUCKET, "file_overwrite": True}
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": backend, "OPTIONS": options}}
    bucket = boto3.resource("s3").create_bucket(Bucket=BUCKET)
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


def names(bucket: Any) -> list[str]:
    return [file.key for file in bucket.objects.all()]


def test_product_is_stored_embedded_shown_and_found(
    bucket: Any, make_product: MakeProduct, picture: Picture, client: Client
) -> None:
    mug = make_product(image=picture(1))
    assert mug.embedding_status == "ready"
    assert names(bucket) == [mug.image.name, mug.image.name.replace("pictures/", "thumbnails/")]
    shown = client.get(mug.image.url)
    assert Image.open(BytesIO(shown.getvalue())).size == (320, 280)
    assert (shown["Content-Type"], "immutable" in shown["Cache-Control"]) == ("image/jpeg", True)
    answer = client.post("/api/search/", {"file": BytesIO(picture(1))}).json()
    assert [match["id"] for match in answer["results"]] == [mug.pk]
    assert answer["results"][0]["image_src"] == f"http://testserver{mug.image.url}"


def test_replaced_picture_leaves_the_bucket(
    bucket: Any,
    make_product: MakeProduct,
    picture: Picture,
    django_capture_on_commit_callbacks: Any,
) -> None:
    mug = make_product(image=picture(1))
    old = mug.image.name
    with django_capture_on_commit_callbacks(execute=True):
        mug.image.save("photo.jpg", BytesIO(picture(2)))
    assert old not in names(bucket)
    assert len(names(bucket)) == 2


def test_unused_picture_is_found(
    bucket: Any, db: None, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"pictures/ab/{'ab' * 32}.jpg"
    put(default_storage, name, picture(1))
    assert list(references.unused_pictures()) == []
    monkeypatch.setattr(references, "MIN_UNUSED_AGE", timedelta(seconds=-5))
    assert list(references.unused_pictures()) == [name]
    assert references.discard(name)
    assert names(bucket) == []


@pytest.mark.parametrize("path", ["pictures/none.jpg", "../secret.jpg", "a.html"])
def test_what_the_bucket_lacks_is_not_found(bucket: Any, client: Client, path: str) -> None:
    bucket.put_object(Key="a.html", Body=b"<script>")
    assert client.get(f"/media/{path}").status_code == 404


def test_bucket_out_of_reach_is_told_in_a_sentence(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    storage = BucketStorage(bucket_name=BUCKET)
    with pytest.raises(NotStored, match="The picture can't be stored"):
        storage.save("pictures/a.jpg", ContentFile(b"a"))
    with pytest.raises(NotStored, match="The picture can't be stored"):
        put(storage, "pictures/a.jpg", b"a")
    with pytest.raises(OSError, match="The bucket does not answer"):
        storage.open("pictures/a.jpg")
