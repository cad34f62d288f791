"""What the media folder serves, and what it must not."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.conftest import MakeProduct, Picture


@pytest.fixture
def media(settings: Any, picture: Picture) -> Path:
    """The media folder, with a picture that was put there by hand and a secret beside it."""
    folder = Path(settings.MEDIA_ROOT)
    (folder / "pictures").mkdir(parents=True)
    (folder / "by-hand.jpg").write_bytes(picture(1))
    (folder / ".hidden.jpg").write_bytes(picture(1))
    (folder.parent / "secret.jpg").write_bytes(picture(2))
    return folder


@pytest.mark.parametrize("name", ["pictures/ours.JPG", "by-hand.jpg"])
def test_serves_pictures_as_what_their_name_says(client: Client, media: Path, name: str) -> None:
    (media / "pictures/ours.JPG").write_bytes(b"<script>alert(1)</script>")
    response = client.get(f"/media/{name}")
    assert response.getvalue() == (media / name).read_bytes()
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == (
        "image/jpeg",
        "nosniff",
    )


@pytest.mark.parametrize(
    "path",
    [
        *("../secret.jpg", "..%2fsecret.jpg", "%2e%2e/secret.jpg", "pictures/../../secret.jpg"),
        *("..\\secret.jpg", "..%5csecret.jpg", "./by-hand.jpg", "pictures/../by-hand.jpg"),
        *("/secret.jpg", "//secret.jpg", "by-hand.jpg/", "by-hand.jpg%00", "by-hand.jpg%00.png"),
        *(".hidden.jpg", "pictures", "pictures/.jpg", "by-hand.jpg/a.jpg", "by-hand.jpg%0a"),
        *("a" * 300 + ".jpg", "a/" * 2000 + "a.jpg", "\u202egpj.by-hand", "%ff.jpg", "gone.jpg"),
    ],
    ids=lambda path: path[:24],
)
def test_tricks_with_paths_get_404(client: Client, media: Path, path: str) -> None:
    response = client.get(f"/media/{path}")
    assert response.status_code == 404
    assert str(media) not in response.content.decode()


def test_links_pipes_and_folders_get_404(client: Client, media: Path) -> None:
    (media / "link.jpg").symlink_to(media.parent / "secret.jpg")
    (media / "loop.jpg").symlink_to(media / "loop.jpg")
    (media / "away").symlink_to(media.parent)
    (media / "folder.jpg").mkdir()
    os.mkfifo(media / "pipe.jpg")
    for name in ("link.jpg", "loop.jpg", "away/secret.jpg", "folder.jpg", "pipe.jpg"):
        assert client.get(f"/media/{name}").status_code == 404, name


def test_folder_may_itself_be_a_link(
    client: Client, media: Path, settings: Any, make_product: MakeProduct, picture: Picture
) -> None:
    (media.parent / "linked").symlink_to(media)
    settings.MEDIA_ROOT = str(media.parent / "linked")
    assert client.get(make_product(image=picture(3)).image.url).getvalue()
