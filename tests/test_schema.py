"""The API follows its schema, whatever requests schemathesis generates."""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from typing import Any

import pytest
import schemathesis
from django.conf import Settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from jsonschema_rs import Draft4Validator
from rest_framework.authtoken.models import Token
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from search.tasks import draw_map
from tests.conftest import MakeProduct, Picture
from visualsearch import wsgi


def application(environ: Any, start_response: Any) -> Any:
    """The real application; its answers are read and closed, as a server does."""
    answer = wsgi.application(environ, start_response)
    with closing(answer) if hasattr(answer, "close") else nullcontext():
        return [*answer]


api = schemathesis.openapi.from_wsgi("/api/schema/", application)

READS = {"GET /api/categories/", "GET /api/products/", "GET /api/products/{id}/", "GET /api/map/"}
# Two checks are about the request, not about the answer. They hold where the schema can tell valid
# requests from invalid ones. It cannot where that depends on the catalog (a SKU that is taken, an
# unknown query, an address without a picture), or where the API accepts more than it documents:
# numbers and booleans in quotes, as forms send them, and batches whose items fail one by one.
OF_WHAT_IS_SENT = [positive_data_acceptance, negative_data_rejection]

# The same cases in every run. The health check is off because all cases share the fixtures.
examined = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _kept_connection() -> Iterator[None]:
    """Requests leave the connection open, as those of Django's client do: the test needs it."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _shop(make_product: MakeProduct, picture: Picture, settings: Settings) -> None:
    """Three products with vectors on a map, and no limit on requests."""
    settings.SEARCH_RATE = settings.FETCH_RATE = ""
    for seed in range(3):
        make_product(f"Mug {seed}", category=("Mugs", "Cups")[seed % 2], image=picture(seed))
    draw_map()


@pytest.fixture
def headers(db: None, who: str) -> dict[str, str]:
    """What a stranger sends, or somebody who may do everything."""
    if who == "stranger":
        return {}
    user = User.objects.create_superuser("ada")
    return {"Authorization": f"Token {Token.objects.create(user=user).key}"}


# Schemathesis makes one test of each operation, but gives all of them the id of the function: of
# tests with the same id, pytest-xdist runs only one. With a parameter of pytest's own, even a
# single one, the operation becomes part of the id.
@api.parametrize()
@pytest.mark.parametrize("who", ["stranger", "staff"])
@examined
def test_answers_as_the_schema_says(case: Any, who: str, headers: dict[str, str]) -> None:
    # A stranger who may not write gets that answer first, whatever the method.
    excluded = [*unfit(case), unsupported_method] if who == "stranger" else unfit(case)
    case.call_and_validate(headers=headers, excluded_checks=excluded)


@api.include(path="/api/search/").parametrize()
@pytest.mark.parametrize("address", ["/search"])
@examined
def test_answers_at_the_address_of_photo_analyzer_as_well(case: Any, address: str) -> None:
    case.path = address
    case.validate_response(case.call(), excluded_checks=OF_WHAT_IS_SENT)


def unfit(case: Any) -> list[Any]:
    return [] if case.operation.label in READS else OF_WHAT_IS_SENT


def test_schema_is_valid_and_raises_no_warning() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file="/dev/null")


@pytest.mark.parametrize("name", ["version", "lang", "script", "other"])
@pytest.mark.parametrize(
    "value", ["", "%00", "%0d%0aX:1", "%ed%a0%80", "de", "<script>", "a" * 5000]
)
def test_schema_is_the_same_whatever_the_parameters(client: Client, name: str, value: str) -> None:
    for format in ("json", "yaml"):
        plain = client.get(f"/api/schema/?format={format}")
        asked = client.get(f"/api/schema/?format={format}&{name}={value}")
        assert asked.content == plain.content
        assert asked["Content-Disposition"] == f'inline; filename="visualsearch.{format}"'
    assert client.get(f"/api/docs/?{name}={value}").status_code == 200


@pytest.mark.parametrize("value", ["", "%00", "xml", "%0d%0aX:1"])
def test_unknown_format_is_refused(client: Client, value: str) -> None:
    for path in ("/api/schema/", "/api/docs/"):
        assert client.get(f"{path}?format={value}").status_code == (404 if value else 200)


def test_schema_is_made_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get("/api/schema/").content
    monkeypatch.setattr(SchemaGenerator, "get_schema", None)
    assert client.get("/api/schema/?version=2").content == first


def test_tells_of_every_parameter_and_field_in_a_sentence() -> None:
    nameless = [
        f"{path} {method} {parameter['name']}"
        for path, method, operation in operations()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    schemas = api.raw_schema["components"]["schemas"]
    nameless += [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, about in schema.get("properties", {}).items()
        if not about.get("description")
    ]
    assert not nameless


def test_gives_an_example_of_every_field_that_fits_it() -> None:
    fields = [
        (f"{name}.{field}", schema)
        for name, component in api.raw_schema["components"]["schemas"].items()
        for field, schema in component.get("properties", {}).items()
        if not {"$ref", "allOf"} & schema.keys() and "$ref" not in schema.get("items", {})
    ]
    assert len(fields) > 50
    unlike = [name for name, schema in fields if not has_example(schema)]
    unlike += [
        f"{path} {method} {parameter['name']}"
        for path, method, operation in operations()
        for parameter in operation.get("parameters", ())
        if not has_example(parameter["schema"] | {"description": parameter["description"]})
    ]
    assert not unlike


def has_example(schema: dict[str, Any]) -> bool:
    """Whether the schema has a valid example, or its description has one."""
    if "example" not in schema:
        return "such as" in schema["description"].lower() or "enum" in schema
    value = schema["example"]
    return schema.get("format") == "binary" or Draft4Validator(schema).is_valid(value)


def test_shows_what_every_error_says() -> None:
    silent = [
        f"{path} {method} {status}"
        for path, method, operation in operations()
        for status, answer in operation["responses"].items()
        if status >= "400" and not answer["content"]["application/json"].get("examples")
    ]
    assert not silent


def test_asks_for_no_key_where_none_is_needed() -> None:
    keyless = [method == "get" for _, method, op in operations() if op["security"] == []]
    assert keyless.count(True) == 11
    assert keyless.count(False) == 1, "only a search is posted without a key"


def operations() -> Iterator[tuple[str, str, Any]]:
    for path, methods in api.raw_schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation
