"""Every sentence that people get can be translated: in the pseudo-language it is in brackets."""

import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from json import dumps, loads
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.utils.translation import gettext

from catalog.api.errors import csrf_failure, forbidden, server_error, trouble
from catalog.embedding.columns import STOPPED_WORKER
from catalog.messages.translation import translated
from catalog.pictures.slots import Busy
from tests.conftest import MakeProduct, Picture
from tests.pseudo import texts_outside, unwrapped
from visualsearch.front import Front
from visualsearch.logins import TooManyChecks, TooManyFailures

SEARCH, PRODUCTS = "/api/search/", "/api/products/"
BATCH, REFETCH, BY_SKU = (f"{PRODUCTS}{name}/" for name in ("batch", "refetch", "by-sku/mug"))
DRAFT = {"sku": "m1", "name": "Mug", "category": "Home", "price": "9.90"}
MANY = "w " * 21  # words
JSON = "application/json"
# What the shop below has, and what scripts fill in: no text that is translated.
DATA = re.compile(
    r"Ein Becher|Ohne Bild|Tasse|taken|bare|cup|Acme|Home|[Rr]im|gold|efficientnet_lite0-\w+|"
    r"visualsearch|USD|EUR|"
    r"English|Deutsch|[Ff]rançais|[Ee]spañol|日本語|العربيّة|العربية|\{\w+\}"
)
WORDS = re.compile("[a-z] [a-z]")  # two of them are part of a sentence, and no value
LETTER = re.compile(r"[^\W\d_]")

SEARCHES: tuple[dict[str, Any], ...] = (
    {},
    {"product": 1, "image_url": "http://a.example/"},
    *({"product": product} for product in (2, 99, "x", 0, 10**30, None)),
    {"product": 1, "crop": "0,0,1,1"},
    {"product": 1, "crop": "x"},
    *({"product": 1, name: value} for name in ("more", "less") for value in ("x", "99")),
    {"product": 1, "more": ",".join(map(str, range(1, 30)))},
    *({"image_url": url} for url in ("http://127.0.0.1/", "ftp://a", "a" * 3000, "\0", "", None)),
    *({"product": 1, "threshold": value} for value in (2, -1, "x", "nan")),
    *({"product": 1, name: value} for name in ("limit", "page") for value in (0, 10**9, "x")),
    *({"product": 1, name: value} for name in ("min_price", "max_price") for value in (
        -1, 10**9, "x", "1.234", "1" * 12)),
    {"product": 1, "category": ["x" * 300]},
    {"product": 1, "category": ["x"] * 101},
    {"product": 1, "category": "x"},
    {"product": 1, "category": [{}]},
    {"product": 1, "availability": ["x"]},
    {"product": 1, "availability": ["in_stock"] * 9},
    {"product": 1, "q": MANY},
    {"product": 1, "q": "x" * 3000},
    {"product": 1, "group_of": 0},
    {"product": 1, "collapse": "x"},
    {"product": 1, "ordering": "x"},
)  # fmt: skip
DRAFTS: tuple[dict[str, Any], ...] = (
    {},
    *(DRAFT | {name: value} for name in ("name", "sku", "category", "price", "currency", "brand",
        "sale_price", "group", "availability", "attributes", "photos", "image_url", "link",
        "active", "image") for value in ("", None, {"a": [1]}, "x" * 3000, "\t")),
    DRAFT | {"sku": "taken"},
    DRAFT | {"price": "9.90 EUR", "currency": "USD"},
    DRAFT | {"price": "9.90 EUR", "sale_price": "8 USD"},
    *(DRAFT | {"price": price} for price in ("9.90 kr", "-1", "9.999", "1e99", "NaN", True)),
    *(DRAFT | {"sale_price": price} for price in (0, 99)),
    DRAFT | {"attributes": {f"a{number}": 1 for number in range(51)}},
    DRAFT | {"attributes": {"a" * 300: "b"}},
    DRAFT | {"attributes": "red"},
    DRAFT | {"attributes": {"size": "x" * 3000}},
    DRAFT | {"photos": ["ftp://a.example/", "https://a.example/" + "é" * 900]},
    DRAFT | {"photos": [f"https://a.example/{number}.jpg" for number in range(250)]},
    DRAFT | {"image_url": "http://a.example/1.jpg,ftp://a.example/2.jpg http://"},
    DRAFT | {"image_url": " ".join(f"https://a.example/{number}.jpg" for number in range(99))},
    DRAFT | {"pirce": 1, "x": 1},
)  # fmt: skip
BODIES: tuple[tuple[str, Any], ...] = (
    *((path, body) for path in (SEARCH, PRODUCTS, BATCH) for body in (
        b"{", b"[]", b"[" * 100_000, b'{"a": "\\ud800"}', b" " * (2**22))),
    (BATCH, {}),
    (BATCH, {"delete": [1, "gone", "x" * 99], "products": [DRAFT | {"price": ""}, {}, 7, None]}),
    (BATCH, {"products": [DRAFT] * 501}),
    (BATCH, {"products": 7, "delte": []}),
    (REFETCH, {"skus": []}),
    (REFETCH, {"skus": ["x" * 99, None]}),
    (REFETCH, {"skus": ["a"] * 501}),
)  # fmt: skip
ADDRESSES = (
    *("/api/nowhere/", f"{PRODUCTS}99/", f"{PRODUCTS}?page=99", f"{PRODUCTS}?page=x"),
    *(f"{PRODUCTS}?{name}=x" for name in ("limit", "id", "availability")),
    *(f"{PRODUCTS}?{name}={MANY}" for name in ("q", "search")),
    *(f"{PRODUCTS}99/similar/", f"{PRODUCTS}by-sku/gone/", f"{PRODUCTS}by-sku/{'x' * 99}/"),
    *(f"{SEARCH}?query={query}" for query in ("", "gone", "a" * 99, "product-2", "product-99")),
    *(f"{SEARCH}?query=product-1&crop={crop}" for crop in ("x", "0,0,1,1")),
    *(f"{SEARCH}product-1/explain/{product}/" for product in (2, 99)),
    "/api/map/",
)
ITEM = ("status", "sku", "id")  # of an item's result


def sentences(answer: Any) -> Iterator[str]:
    """All texts of an answer in JSON, but what only repeats the request."""
    if isinstance(answer, Mapping):
        for name, value in answer.items():
            yield from () if name in ITEM and not isinstance(value, list) else sentences(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from sentences(value)
    elif isinstance(answer, str):
        yield answer


@pytest.fixture
def shop(make_product: MakeProduct, picture: Picture) -> None:
    """Three products: two variants, and between them one without a picture."""
    make_product("Ein Becher", sku="taken", image=picture(1), brand="Acme", group="g")
    make_product("Ohne Bild", sku="bare", sale_price="5")
    make_product("Tasse", sku="cup", image=picture(2), group="g", attributes={"rim": "gold"})


@pytest.fixture
def staff(admin_client: Client) -> Client:
    admin_client.raise_request_exception = False
    return admin_client


@pytest.mark.usefixtures("pseudo_language", "shop")
def test_every_error_of_the_api_can_be_translated(
    staff: Client, client: Client, picture: Picture, settings: Any
) -> None:
    answers = []

    def note(asked: Any, response: Any) -> None:
        assert response.status_code != 500, asked
        if response.status_code >= 400 or "batch" in response.request["PATH_INFO"]:
            answers.append((str(asked)[:200], response.json()))

    for fields in SEARCHES:
        note(fields, client.post(SEARCH, fields, JSON))
    for data in (b"", b"GIF89a", picture(1)[:999], b"\xff\xd8" + bytes(10 * 2**20)):
        note(data[:9], client.post(SEARCH, {"file": SimpleUploadedFile("a.jpg", data)}))
    for fields in DRAFTS:
        note(fields, staff.post(PRODUCTS, fields, JSON))
    for path, body in BODIES:
        data = body if isinstance(body, bytes) else dumps(body)
        note((path, body), staff.post(path, data, JSON))
    for path in ADDRESSES:
        note(path, client.get(path))
    note("other SKU", staff.put(BY_SKU, {"sku": "cup"}, JSON))
    note("new", staff.put(BY_SKU, {}, JSON))
    for method in (client.put, client.delete, client.patch):
        note(method, method(SEARCH))
    note("a stranger", client.post(PRODUCTS, DRAFT, JSON))
    note("no JSON", client.post(SEARCH, b"x", "text/plain"))
    note("no form", client.post(SEARCH, b"x", "multipart/form-data"))
    note("many fields", client.post(SEARCH, {f"a{number}": "b" for number in range(1201)}))
    settings.SEARCH_RATE = settings.FETCH_RATE = "1/day"
    for _ in range(2):
        note("too often", client.post(SEARCH, {"product": 1}, JSON))
    settings.SEARCH_RATE = ""
    for _ in range(2):
        note("too many", client.post(SEARCH, {"image_url": "http://127.0.0.1/"}, JSON))
    assert len(answers) > 150
    bare = {
        f"{asked}: {text}"
        for asked, answer in answers
        for text in sentences(answer)
        if "⟦" not in text or WORDS.search(unwrapped(text).partition("Expecting")[0])
    }
    assert not bare, "\n".join(sorted(bare))


PAGES = (
    *("/", "/?query=product-1", "/?query=product-1&threshold=0", "/?query=product-1&threshold=1"),
    *("/?query=gone", "/?query=product-1&collapse=none&ordering=price&availability=in_stock"),
    *("/products/", "/products/?q=nothing", f"/products/?q={MANY}", "/products/?group=g"),
    *("/products/1/", "/products/2/", "/products/3/", "/products/99/", "/products/?group=\0"),
    *("/map/", "/map/?list=1", "/nowhere/"),
)


@pytest.mark.usefixtures("pseudo_language", "shop")
def test_every_text_of_the_pages_can_be_translated(
    client: Client, picture: Picture, settings: Any
) -> None:
    pages = [client.get(path) for path in PAGES]
    photo = SimpleUploadedFile("a.jpg", picture(3))
    pages.append(client.post("/", {"file": photo, "threshold": 0.1}, follow=True))
    pages.append(client.post("/", {"file": SimpleUploadedFile("a.jpg", b"GIF89a")}))
    pages.append(client.post("/", {"image_url": "http://127.0.0.1/"}))
    pages.append(client.post("/", {}))
    settings.SEARCH_RATE = "1/day"
    pages += [client.get("/?query=product-1") for _ in range(2)]
    request = RequestFactory().get("/")
    pages += [server_error(request), forbidden(request, PermissionDenied()), csrf_failure(request)]
    pages.append(trouble(request, gettext("The upload broke off."), status=503))
    bare = {
        f"{response.request['PATH_INFO'] if hasattr(response, 'request') else 'page'}: {text}"
        for response in pages
        for text in texts_outside(response.content.decode())
        if LETTER.search(DATA.sub("", text))
    }
    assert not bare, "\n".join(sorted(bare))


UNREADABLE: tuple[dict[str, str], ...] = (
    {"CONTENT_LENGTH": "many"},
    {"CONTENT_LENGTH": "9999"},
    {"CONTENT_LENGTH": "9"},  # and no body
    {"HTTP_TRANSFER_ENCODING": "chunked"},
    {"CONTENT_TYPE": "text/plain; charset=latin-1"},
    {"PATH_INFO": "/\0"},
)


@pytest.mark.usefixtures("pseudo_language")
@pytest.mark.parametrize("kind", ["text/html", JSON])
def test_refusals_before_django_can_be_translated(kind: str, client: Client) -> None:
    front = Front(
        client.handler, max_bytes=99, client_of=lambda _: "", sharing_headers=lambda _: []
    )
    for asked in UNREADABLE:
        environ = {"PATH_INFO": "/", "wsgi.input": BytesIO(), "HTTP_ACCEPT": kind} | asked
        answer = b"".join(front(environ, lambda *_: None)).decode()
        texts = texts_outside(answer if kind == "text/html" else loads(answer)["detail"])
        assert not [text for text in texts if LETTER.search(DATA.sub("", text))], asked


@pytest.mark.usefixtures("pseudo_language")
def test_other_sentences_can_be_translated(make_product: MakeProduct) -> None:
    sentences = [str(TooManyChecks()), str(TooManyFailures()), gettext(STOPPED_WORKER)]
    sentences.append(make_product(image=b"no picture").embedding_error)
    sentences += [translated(Busy(own=own)) for own in (True, False)]
    for text in sentences:
        assert "⟦" in text
        assert not WORDS.search(unwrapped(text))
