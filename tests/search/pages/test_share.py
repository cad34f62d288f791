"""What other apps share with the installed search, as Chrome sends it, and where that leads."""

from typing import Any

import pytest
from django.test import Client

from catalog.models import Product
from search.pages.posted import shared_fields
from tests.conftest import MakeProduct, Picture

BOUNDARY = "----MultipartBoundary--tYfGqJ9ZQwLs1x0n3HkVbUe7RcPa5DmWi2OoXy8A4B----"


@pytest.fixture
def mug(make_product: MakeProduct, picture: Picture) -> Product:
    return make_product("Mug", image=picture(1))


def part(name: str, value: bytes | str, filename: str | None = None, kind: str = "") -> bytes:
    """A part of the body; Chrome also names the type of texts."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    data = value if isinstance(value, bytes) else value.encode()
    return f"{head}\r\nContent-Type: {kind or 'text/plain'}\r\n\r\n".encode() + data + b"\r\n"


def share(*parts: bytes) -> Any:
    """The answer to a share: no token, no cookie, and an origin that is none."""
    return Client(enforce_csrf_checks=True).generic(
        "POST",
        "/share/",
        b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(),
        f"multipart/form-data; boundary={BOUNDARY}",
        headers={"Origin": "null", "Accept": "text/html", "Sec-Fetch-Site": "none"},
    )


def photo(data: bytes, filename: str = "IMG_20261127.jpg") -> bytes:
    return part("file", data, filename, "image/jpeg")


def test_shared_picture_ends_at_its_results(mug: Product, picture: Picture) -> None:
    for parts in (
        (photo(picture(1)),),
        (photo(picture(1)), part("title", "Photo"), part("text", "https://shop.example/")),
        (photo(picture(1)), photo(picture(2), "second.jpg")),
        (photo(b""), photo(picture(1))),
    ):
        answer = share(*parts)
        assert answer.status_code == 303
        assert answer["Location"].startswith("/?query=")
        assert not answer.cookies
        found = Client().get(answer["Location"]).context["answer"]
        assert [(match.product.name, round(match.score, 2)) for match in found.matches] == [
            ("Mug", 1)
        ]


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (photo(b""),),
        (photo(b"", ""),),
        (part("file", b"", "", "application/octet-stream"), part("title", ""), part("text", "")),
        (part("text", "Look at this mug"), part("title", "example.com")),
        (part("text", "ftp://shop.example/a.jpg javascript:alert(1)"),),
    ],
)
def test_share_without_picture_or_address_ends_at_the_chooser(
    db: None, parts: tuple[bytes, ...], settings: Any
) -> None:
    settings.SEARCH_RATE = "1/day"
    for _ in range(2):  # it is no search
        answer = share(*parts)
        assert (answer.status_code, answer["Location"]) == (303, "/")


ADDRESSES = {
    "https://shop.example/a.jpg": "https://shop.example/a.jpg",
    "Look: https://shop.example/a.jpg?w=1&h=2.": "https://shop.example/a.jpg?w=1&h=2",
    "A mug\nhttp://shop.example/(b)/c.png!\nSent from my phone": "http://shop.example/(b)/c.png",
    "(HTTPS://shop.example/a) and https://shop.example/b": "HTTPS://shop.example/a",
    "これ、https://shop.example/カップ.jpg。": "https://shop.example/カップ.jpg",
    'see <a href="https://shop.example/a.webp">': "https://shop.example/a.webp",
}


@pytest.mark.parametrize(("text", "address"), ADDRESSES.items())
def test_finds_the_address_in_what_is_shared(text: str, address: str, rf: Any) -> None:
    for name in ("text", "url", "title"):
        fields = shared_fields(rf.post("/share/", {"text": "", name: text}))
        assert fields.dict() == {"image_url": address}
    both = rf.post("/share/", {"text": text, "url": "https://shop.example/first.jpg"})
    assert shared_fields(both)["image_url"] == "https://shop.example/first.jpg"


def test_shared_address_is_fetched_as_on_the_search_page(mug: Product, settings: Any) -> None:
    settings.FETCH_RATE = "1/day"
    refused = share(part("text", "My mug: http://127.0.0.1/mug.jpg"))
    assert refused.status_code == 400
    assert refused.templates[0].name == "search.html"
    assert refused.context["error"]
    assert share(part("url", "http://127.0.0.1/mug.jpg")).status_code == 429


def test_errors_are_shown_on_the_search_page(mug: Product, picture: Picture, settings: Any) -> None:
    settings.SEARCH_RATE = "2/day"
    for data, status, sentence in (
        (b"not a picture", 400, "This is not a picture we can read."),
        (bytes(settings.MAX_IMAGE_MB * 2**20 + 1), 413, "The file is too large"),
        (picture(1), 429, "You have searched very often just now."),
    ):
        answer = share(photo(data))
        assert answer.status_code == status
        assert sentence in answer.content.decode()
        assert 'id="photo"' in answer.content.decode(), "another photo can be chosen"
    assert int(answer["Retry-After"]) > 0


def test_body_that_breaks_off_is_refused(db: None) -> None:
    answer = Client().generic("POST", "/share/", b"--x\r\n", "multipart/form-data; boundary=")
    assert answer.status_code == 400


def test_share_that_is_opened_again_leads_to_the_chooser(client: Client) -> None:
    for method in (client.get, client.head):
        answer = method("/share/")
        assert (answer.status_code, answer["Location"]) == (303, "/")
    assert client.put("/share/").status_code == 405
