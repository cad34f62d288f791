"""Which language a page is in: what the visitor chose, else what the browser asks for."""

from typing import Any

import pytest
from django.conf import settings as project
from django.test import Client

from tests.conftest import MakeProduct, Picture
from tests.test_settings import python


def vary(response: Any) -> set[str]:
    return {name.strip() for name in response.get("Vary", "").split(",") if name.strip()}


@pytest.mark.django_db
def test_a_visitor_chooses_a_language_without_a_script() -> None:
    client = Client(enforce_csrf_checks=True, headers={"Accept-Language": "de"})
    page = client.get("/products/?q=a%26b")
    assert '<html lang="de" dir="ltr">' in page.content.decode()
    assert {"Accept-Language", "Cookie"} <= vary(page)
    assert not page.cookies  # nothing is stored of those who choose nothing
    page_url = "http://testserver/products/?q=a%26b"
    chosen = client.post("/language/", {"language": "ar"}, headers={"Referer": page_url})
    assert (chosen.status_code, chosen["Location"]) == (302, page_url)
    cookie = chosen.cookies[project.LANGUAGE_COOKIE_NAME]
    assert (cookie["samesite"], cookie["path"], cookie["httponly"]) == ("Lax", "/", True)
    assert '<html lang="ar" dir="rtl">' in client.get("/products/").content.decode()


@pytest.mark.parametrize("elsewhere", [None, "https://evil.example/", "//evil.example/"])
def test_choosing_leads_to_no_other_site(client: Client, elsewhere: str | None) -> None:
    headers = {"Referer": elsewhere} if elsewhere else {}
    chosen = client.post("/language/", {"language": "fr", "next": elsewhere or ""}, headers=headers)
    assert chosen["Location"] == "/"


def test_unknown_language_changes_nothing(client: Client) -> None:
    assert not client.post("/language/", {"language": "xx", "next": "/"}).cookies


@pytest.mark.django_db
def test_only_what_has_words_depends_on_the_language(
    client: Client, make_product: MakeProduct, picture: Picture
) -> None:
    assert {"Accept-Language", "Cookie"} <= vary(client.get("/api/search/"))  # a sentence
    response = client.get(make_product(image=picture(1)).image.url)
    response.getvalue()
    assert "Accept-Language" not in vary(response)
    assert "Content-Language" not in response


def test_cookie_belongs_to_the_path_of_the_shop() -> None:
    program = (
        "import visualsearch.settings as s;"
        " print(s.LANGUAGE_COOKIE_NAME, s.LANGUAGE_COOKIE_PATH, s.LANGUAGE_COOKIE_SECURE)"
    )
    read = python(program, URL_PREFIX="/visual-search", HTTPS="true")
    assert read.stdout == "django_language_visual-search /visual-search True\n"
