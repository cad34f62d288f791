"""Who may what: every address by method and role, and the status of the answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver, resolve
from django.utils import timezone
from rest_framework.authtoken.models import Token

from catalog.models import Feed
from tests.conftest import MakeProduct, Picture

# The user has all the rights but is not staff, who have none; the editor is and has.
ROLES = ("nobody", "user", "staff", "editor", "superuser")
RIGHTS = ("view_product", "add_product", "change_product", "delete_product", "add_category")

Statuses = tuple[int, ...]  # by role
Row = tuple[str, str, Any, Statuses]  # method, address, body, what comes back

CATEGORY_FIELD = "app_label=catalog&model_name=product&field_name=category"
NEW = {"sku": "new", "name": "Cup", "category": "Kitchen", "price": "5"}
MUG = NEW | {"sku": "m1"}

ALL = (200, 200, 200, 200, 200)
ELSEWHERE = (302, 302, 302, 302, 302)
SEE_OTHER = (303, 303, 303, 303, 303)
NOWHERE = (404, 404, 404, 404, 404)
NEVER = (405, 405, 405, 405, 405)
HIDDEN = (404, 404, 200, 200, 200)
UNKNOWN = (401, 403, 405, 405, 405)
STAFF = (302, 302, 200, 200, 200)  # the admin sends others to its login
EDITORS = (302, 302, 403, 200, 200)
SUPERUSERS = (302, 302, 403, 403, 200)


def written(status: int) -> Statuses:
    """What those who may write get; nobody is asked for a token, the others are refused."""
    return (401, 403, 403, status, status)


# m1 is shown and m2 is hidden; words in capitals stand for ids, PICTURE for where m1's picture is.
TABLE: list[Row] = [
    ("GET", "/", None, ALL),
    ("GET", "/products/", None, ALL),
    ("POST", "/products/", MUG, NEVER),
    ("GET", "/products/SHOWN/", None, ALL),
    ("GET", "/products/HIDDEN/", None, NOWHERE),
    ("DELETE", "/products/SHOWN/", None, NEVER),
    ("GET", "/map/", None, ALL),
    ("POST", "/map/", {}, NEVER),
    ("GET", "/share/", None, SEE_OTHER),
    ("POST", "/share/", {}, SEE_OTHER),
    ("GET", "/manifest.webmanifest", None, ALL),
    ("POST", "/language/", {"language": "de"}, ELSEWHERE),
    ("GET", "/shop/0/accent.css", None, NOWHERE),  # the shop has neither
    ("GET", "/shop/0/logo", None, NOWHERE),
    ("GET", "/healthz", None, ALL),
    ("GET", "/readyz", None, ALL),
    ("POST", "/readyz", {}, NEVER),
    ("GET", "/metrics", None, (403, 403, 403, 403, 403)),  # asked for by a name of the shop
    ("POST", "/metrics", {}, NEVER),
    ("GET", "PICTURE", None, ALL),
    ("DELETE", "PICTURE", None, NEVER),
    ("GET", "/media/../db.sqlite3", None, NOWHERE),
    ("GET", "/api/schema/", None, ALL),
    ("GET", "/api/docs/", None, ALL),
    ("GET", "/api/nowhere/", None, NOWHERE),
    ("GET", "/api/search/?query=product-SHOWN", None, ALL),
    ("POST", "/api/search/", {"product": "SHOWN"}, ALL),
    ("DELETE", "/api/search/", None, NEVER),
    ("GET", "/api/search/product-SHOWN/explain/SHOWN/", None, ALL),
    ("GET", "/api/search/product-SHOWN/explain/HIDDEN/", None, NOWHERE),
    ("POST", "/api/search/product-SHOWN/explain/SHOWN/", {}, NEVER),
    ("GET", "/api/search/nothing/photo/", None, NOWHERE),
    ("POST", "/api/search/nothing/photo/", {}, NEVER),
    ("GET", "/api/widget/words/", None, ALL),
    ("GET", "/api/map/", None, (503, 503, 503, 503, 503)),  # there is none yet
    ("POST", "/api/map/", {}, NEVER),
    ("POST", "/search", {"product": "SHOWN"}, ALL),
    ("GET", "/api/products/SHOWN/similar/", None, ALL),
    ("GET", "/api/products/HIDDEN/similar/", None, NOWHERE),
    ("GET", "/api/products/by-sku/m1/similar/", None, ALL),
    ("GET", "/api/products/by-sku/m2/similar/", None, NOWHERE),
    ("GET", "/api/categories/", None, ALL),
    ("POST", "/api/categories/", {"name": "Kitchen"}, NEVER),
    ("GET", "/api/products/", None, ALL),
    ("HEAD", "/api/products/", None, ALL),
    ("OPTIONS", "/api/products/", None, ALL),
    ("POST", "/api/products/", NEW, written(201)),
    ("PUT", "/api/products/", NEW, UNKNOWN),
    ("DELETE", "/api/products/", None, UNKNOWN),
    ("GET", "/api/products/SHOWN/", None, ALL),
    ("GET", "/api/products/HIDDEN/", None, HIDDEN),
    ("OPTIONS", "/api/products/SHOWN/", None, ALL),
    ("PUT", "/api/products/SHOWN/", MUG, written(200)),
    ("PATCH", "/api/products/SHOWN/", {"price": 1}, written(200)),
    ("PATCH", "/api/products/HIDDEN/", {"price": 1}, written(200)),
    ("DELETE", "/api/products/SHOWN/", None, written(204)),
    ("POST", "/api/products/SHOWN/", MUG, UNKNOWN),
    ("GET", "/api/products/by-sku/m1/", None, ALL),
    ("GET", "/api/products/by-sku/m2/", None, HIDDEN),
    ("PUT", "/api/products/by-sku/m1/", MUG, written(200)),
    ("PUT", "/api/products/by-sku/new/", NEW, written(201)),
    ("DELETE", "/api/products/by-sku/m1/", None, written(204)),
    ("PATCH", "/api/products/by-sku/m1/", {"price": 1}, UNKNOWN),
    ("GET", "/api/products/batch/", None, NEVER),
    ("POST", "/api/products/batch/", {"products": [NEW], "delete": ["m1"]}, written(200)),
    ("GET", "/api/products/refetch/", None, NEVER),
    ("POST", "/api/products/refetch/", {"skus": ["m1"]}, written(202)),
    ("GET", "/admin/login/", None, (200, 200, 302, 302, 302)),
    ("POST", "/admin/logout/", {}, STAFF),
    ("GET", "/admin/", None, STAFF),
    ("GET", "/admin/nowhere/", None, (302, 302, 404, 404, 404)),
    ("GET", "/admin/password_change/", None, STAFF),
    ("GET", "/admin/password_change/done/", None, STAFF),
    ("GET", "/admin/jsi18n/", None, STAFF),
    ("GET", f"/admin/autocomplete/?{CATEGORY_FIELD}", None, SUPERUSERS),
    ("GET", "/admin/r/PRODUCTS/SHOWN/", None, ELSEWHERE),
    ("GET", "/admin/catalog/", None, (302, 302, 404, 200, 200)),
    ("GET", "/admin/auth/", None, (302, 302, 404, 404, 200)),
    ("GET", "/admin/catalog/product/", None, EDITORS),
    ("GET", "/admin/catalog/product/add/", None, EDITORS),
    ("GET", "/admin/catalog/product/SHOWN/change/", None, EDITORS),
    ("GET", "/admin/catalog/product/SHOWN/delete/", None, EDITORS),
    ("GET", "/admin/catalog/product/SHOWN/history/", None, EDITORS),
    ("GET", "/admin/catalog/product/SHOWN/", None, ELSEWHERE),
    ("GET", "/admin/catalog/product/progress/", None, EDITORS),
    ("GET", "/admin/demand/", None, SUPERUSERS),
    ("POST", "/admin/demand/", {}, (302, 302, 403, 403, 302)),
    ("GET", "/admin/quality/", None, EDITORS),
    ("POST", "/admin/quality/", {}, (302, 302, 405, 405, 405)),
    ("GET", "/admin/catalog/product/export/", None, EDITORS),
    ("GET", "/admin/catalog/product/import/", None, EDITORS),
    ("GET", "/admin/catalog/product/process_import/", None, (302, 302, 405, 405, 405)),
    ("POST", "/admin/catalog/product/process_import/", {}, (302, 302, 403, 302, 302)),
    ("GET", "/admin/catalog/category/", None, SUPERUSERS),
    ("GET", "/admin/catalog/category/add/", None, EDITORS),
    ("GET", "/admin/catalog/category/CATEGORY/", None, ELSEWHERE),
    ("GET", "/admin/catalog/category/CATEGORY/change/", None, SUPERUSERS),
    ("GET", "/admin/catalog/category/CATEGORY/delete/", None, SUPERUSERS),
    ("GET", "/admin/catalog/category/CATEGORY/history/", None, SUPERUSERS),
    ("GET", "/admin/catalog/feed/", None, SUPERUSERS),
    ("GET", "/admin/catalog/feed/add/", None, SUPERUSERS),
    ("GET", "/admin/catalog/feed/FEED/", None, ELSEWHERE),
    ("GET", "/admin/catalog/feed/FEED/change/", None, SUPERUSERS),
    ("GET", "/admin/catalog/feed/FEED/delete/", None, SUPERUSERS),
    ("GET", "/admin/catalog/feed/FEED/history/", None, SUPERUSERS),
    ("POST", "/admin/catalog/feed/FEED/run/", {}, (302, 302, 403, 403, 302)),
    ("GET", "/admin/catalog/feed/FEED/run/", None, (302, 302, 405, 405, 405)),
    ("POST", "/admin/catalog/feed/FEED/test/", {}, SUPERUSERS),
    ("GET", "/admin/catalog/feed/FEED/runs/RUN/", None, SUPERUSERS),
    ("POST", "/admin/catalog/feed/FEED/runs/RUN/approve/", {}, (302, 302, 403, 403, 302)),
    ("GET", "/admin/doctor/", None, EDITORS),
    ("POST", "/admin/doctor/", {}, (302, 302, 403, 302, 302)),
    ("DELETE", "/admin/doctor/", None, (302, 302, 405, 405, 405)),
    ("GET", "/admin/doctor/1/merge/", None, (302, 302, 403, 404, 404)),
    ("GET", "/admin/auth/group/", None, SUPERUSERS),
    ("GET", "/admin/auth/group/add/", None, SUPERUSERS),
    ("GET", "/admin/auth/group/GROUP/", None, ELSEWHERE),
    ("GET", "/admin/auth/group/GROUP/change/", None, SUPERUSERS),
    ("GET", "/admin/auth/group/GROUP/delete/", None, SUPERUSERS),
    ("GET", "/admin/auth/group/GROUP/history/", None, SUPERUSERS),
    ("GET", "/admin/auth/user/", None, SUPERUSERS),
    ("GET", "/admin/auth/user/add/", None, SUPERUSERS),
    ("GET", "/admin/auth/user/CLERK/", None, ELSEWHERE),
    ("GET", "/admin/auth/user/CLERK/change/", None, SUPERUSERS),
    ("GET", "/admin/auth/user/CLERK/delete/", None, SUPERUSERS),
    ("GET", "/admin/auth/user/CLERK/history/", None, SUPERUSERS),
    ("GET", "/admin/auth/user/CLERK/password/", None, SUPERUSERS),
    ("GET", "/admin/authtoken/tokenproxy/", None, SUPERUSERS),
    ("GET", "/admin/authtoken/tokenproxy/add/", None, SUPERUSERS),
    ("GET", "/admin/authtoken/tokenproxy/CLERK/", None, ELSEWHERE),
    ("GET", "/admin/authtoken/tokenproxy/CLERK/change/", None, SUPERUSERS),
    ("GET", "/admin/authtoken/tokenproxy/CLERK/delete/", None, SUPERUSERS),
    ("GET", "/admin/authtoken/tokenproxy/CLERK/history/", None, SUPERUSERS),
]
OVER_THE_API = [row for row in TABLE if row[1].startswith(("/api/", "/search"))]
WRITES = [row for row in OVER_THE_API if row[3] == written(row[3][-1])]


@pytest.fixture
def names(make_product: MakeProduct, picture: Picture) -> dict[str, str]:
    """What the table's placeholders stand for."""
    shown = make_product(sku="m1", image=picture(1))
    hidden = make_product(sku="m2", active=False)
    clerk = User.objects.create_user("clerk")
    Token.objects.create(user=clerk)
    rows = {"SHOWN": shown, "HIDDEN": hidden, "CATEGORY": shown.category, "CLERK": clerk}
    rows["FEED"] = Feed.objects.create(name="Shop")
    rows["RUN"] = rows["FEED"].runs.create(ended_at=timezone.now())
    rows["GROUP"] = Group.objects.create(name="Clerks")
    rows["PRODUCTS"] = ContentType.objects.get_for_model(shown)
    return {name: str(row.pk) for name, row in rows.items()} | {"PICTURE": shown.image.url}


def client_of(role: str, credentials: str, **options: Any) -> Client:
    if role == "nobody":
        return Client(**options)
    user = User.objects.create_user(role, is_staff=role != "user", is_superuser=role == "superuser")
    if role in ("user", "editor"):
        user.user_permissions.set(Permission.objects.filter(codename__in=RIGHTS))
    if credentials == "token":
        key = Token.objects.create(user=user).key
        return Client(headers={"Authorization": f"Token {key}"}, **options)
    client = Client(**options)
    client.force_login(user)
    return client


def send(client: Client, row: Row, names: dict[str, str]) -> Any:
    method, path, fields, _ = row
    path, body = addressed(path, names), addressed(json.dumps(fields), names)
    return client.generic(method, path, body, "application/json")


def addressed(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def statuses(credentials: str, row: Row, names: dict[str, str]) -> Iterator[int]:
    """The status for each role, each finding everything as it was at first."""
    for role in ROLES:
        with transaction.atomic():
            response = send(client_of(role, credentials), row, names)
            response.getvalue()  # reads a picture to its end, which closes the file
            transaction.set_rollback(True)
        yield response.status_code


@pytest.mark.parametrize(
    ("credentials", "row"),
    [
        *[pytest.param("session", row, id=f"session {row[0]} {row[1]}") for row in TABLE],
        *[pytest.param("token", row, id=f"token {row[0]} {row[1]}") for row in OVER_THE_API],
    ],
)
def test_roles_get_the_statuses_of_the_table(
    credentials: str, row: Row, names: dict[str, str]
) -> None:
    assert tuple(statuses(credentials, row, names)) == row[3]


def test_every_address_of_the_project_is_in_the_table(names: dict[str, str]) -> None:
    paths = {addressed(path.split("?")[0], names) for _, path, *_ in TABLE} - {"/api/nowhere/"}
    tested = {resolve(path).route for path in paths}
    assert tested >= set(routes(get_resolver()))


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    """The pattern of every address."""
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern).removeprefix("^")  # as `resolve` says it
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        else:
            yield route


@pytest.mark.parametrize("row", WRITES, ids=lambda row: f"{row[0]} {row[1]}")
def test_session_without_csrf_token_writes_nothing(row: Row, names: dict[str, str]) -> None:
    client = client_of("superuser", "session", enforce_csrf_checks=True)
    refused = send(client, row, names)
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("CSRF Failed")


def test_session_with_csrf_token_writes(names: dict[str, str]) -> None:
    client = client_of("superuser", "session", enforce_csrf_checks=True)
    client.get("/admin/catalog/product/add/")
    csrf_token = client.cookies["csrftoken"].value
    response = client.post(
        "/api/products/", NEW, "application/json", headers={"X-CSRFToken": csrf_token}
    )
    assert response.status_code == 201


def test_search_of_a_session_needs_no_csrf_token(names: dict[str, str]) -> None:
    client = client_of("user", "session", enforce_csrf_checks=True)
    for path in ("/api/search/", "/search"):
        assert send(client, ("POST", path, {"product": "SHOWN"}, ALL), names).status_code == 200


def test_admin_form_without_csrf_token_is_refused(names: dict[str, str]) -> None:
    client = client_of("superuser", "session", enforce_csrf_checks=True)
    assert client.post(f"/admin/catalog/product/{names['SHOWN']}/delete/").status_code == 403
    assert client.post("/", {"product": names["SHOWN"]}).status_code == 302, (
        "a search changes nothing"
    )
