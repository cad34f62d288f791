"""The policy headers of every answer; tests/browser shows that the pages work with them."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.conftest import MakeProduct, Picture

POLICIES = {
    "Content-Security-Policy": {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "manifest-src 'self'",
        "frame-ancestors 'none'",
    },
    "Permissions-Policy": {
        *("camera=(self)", "geolocation=()", "microphone=()", "payment=()", "usb=()")
    },
}
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def has_policies(response: Any) -> bool:
    """Whether the answer has exactly these policies; the order of their parts may differ."""
    return all(
        set(re.split("; |, ", response.headers[name])) == policy
        for name, policy in POLICIES.items()
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/", 200), ("/products/", 200), ("/admin/login/", 200), ("/admin/", 302)),
        *(("/api/docs/", 200), ("/api/docs/?script=", 200), ("/api/schema/", 200)),
        *(("/api/products/", 200), ("/api/search/", 400), ("/search", 400), ("/healthz", 200)),
        *(("/nowhere/", 404), ("/api/nowhere/", 404), ("/products/?q=%00", 400)),
        *(("/static/js/search.js", 200), ("/media/nothing.jpg", 404)),
    ],
)
def test_every_answer_has_the_policies(client: Client, db: None, path: str, status: int) -> None:
    response = client.get(path)
    response.getvalue()  # reads a file to its end, which closes it
    assert response.status_code == status
    assert has_policies(response)
    assert EVERYWHERE.items() <= dict(response.items()).items()


def test_refused_hosts_and_redirects_to_https_have_them_too(client: Client, settings: Any) -> None:
    assert has_policies(client.get("/", headers={"Host": "elsewhere.example"}))
    settings.SECURE_SSL_REDIRECT = True
    redirect = Client().get("/")
    assert redirect.status_code == 301
    assert has_policies(redirect)


def test_picture_is_nothing_but_a_picture(
    client: Client, make_product: MakeProduct, picture: Picture
) -> None:
    response = client.get(make_product(image=picture(1)).image.url)
    response.getvalue()
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
