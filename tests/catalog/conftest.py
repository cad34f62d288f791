"""Fixtures: servers that have pictures; for the API's tests staff, and how they write."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from rest_framework.authtoken.models import Token

from tests.catalog.local_servers import LocalServer, Serve, running_servers

Send = Callable[..., tuple[int, Any]]

LIST = "/api/products/"
MUG = {"sku": "m1", "name": "Mug", "category": "Home", "price": "9.99"}


@pytest.fixture
def serve(settings: Any) -> Iterator[Serve]:
    """Starts servers that may be fetched from."""
    with running_servers() as start:

        def start_allowed(reply: Any) -> LocalServer:
            server = start(reply)
            settings.FETCH_ALLOWED_HOSTS = [*settings.FETCH_ALLOWED_HOSTS, server.host]
            return server

        yield start_allowed


@pytest.fixture
def clerk(db: None) -> User:
    """Staff who may do everything to products, and add categories."""
    user = User.objects.create_user("clerk", is_staff=True)
    rights = [*("add_product", "change_product", "delete_product"), "add_category"]
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


@pytest.fixture
def staff(clerk: User) -> Client:
    """A client with the clerk's token."""
    token = Token.objects.create(user=clerk)
    return Client(headers={"Authorization": f"Token {token.key}"})


@pytest.fixture
def send(staff: Client, django_capture_on_commit_callbacks: Any) -> Send:
    """Sends JSON, or a form where there is a file; gives status and JSON, as after a commit."""

    def request(method: str, path: str, fields: Any = None) -> tuple[int, Any]:
        is_form = isinstance(fields, dict) and isinstance(fields.get("image"), bytes)
        body, kind = form(fields) if is_form else (json.dumps(fields), "application/json")
        with django_capture_on_commit_callbacks(execute=True):
            response = staff.generic(method, path, body, kind)
        return response.status_code, response.json() if response.content else None

    return request


def form(fields: dict[str, Any]) -> tuple[bytes, str]:
    upload = SimpleUploadedFile("mug.jpg", fields["image"])
    return encode_multipart(BOUNDARY, fields | {"image": upload}), MULTIPART_CONTENT
