"""The words that the widget asks for."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from search.api.widget_words import PLURALS, TEXTS

WIDGET = Path("static/widget/1.0/visual-search.js")


def words(client: Client, query: str = "", **headers: str) -> Any:
    response = client.get(f"/api/widget/words/{query}", headers=headers)
    assert response.status_code == 200
    return response.json()


@pytest.mark.parametrize(
    ("query", "accepted", "language", "direction"),
    [
        ("", "", "en", "ltr"),
        ("", "fr-CA, en;q=0.5", "fr", "ltr"),
        ("?language=de", "fr", "de", "ltr"),
        ("?language=ar-EG", "fr", "ar", "rtl"),
        ("?language=DE-ch", "", "de", "ltr"),
        ("?language=tlh", "ja", "ja", "ltr"),
    ],
)
def test_answers_in_the_language_that_is_asked_for(
    client: Client, query: str, accepted: str, language: str, direction: str
) -> None:
    headers = {"Accept-Language": accepted} if accepted else {}
    found = words(client, query, **headers)
    assert (found["language"], found["direction"]) == (language, direction)


def test_answer_may_be_cached_for_an_hour(client: Client) -> None:
    response = client.get("/api/widget/words/?language=es")
    assert set(response["Cache-Control"].split(", ")) == {"max-age=3600", "public"}
    assert "Accept-Language" in response["Vary"]
    assert response["Content-Language"] == "es"
    assert not response.cookies


def test_unreadable_language_is_refused(client: Client) -> None:
    for language in ("a" * 36, "%00"):
        assert client.get(f"/api/widget/words/?language={language}").status_code == 400


def test_texts_have_placeholders_in_braces_and_no_tags(client: Client) -> None:
    found = words(client)["words"]
    assert found["noneReaches"] == "None of our products reaches {least}% similarity."
    assert found["dropOr"] == "or choose one, or paste it"
    assert found["found"] == {
        "one": "{count} product is at least {least}% similar",
        "other": "{count} products are at least {least}% similar",
    }
    assert found["match"]["very close"] == "very close"
    assert found["availability"]["out_of_stock"] == "out of stock"


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("ja", {"other"}),
        ("fr", {"one", "many", "other"}),
        ("ar", {"zero", "one", "two", "few", "many", "other"}),
    ],
)
def test_counted_texts_have_every_plural_form_of_the_language(
    client: Client, language: str, forms: set[str]
) -> None:
    assert words(client, f"?language={language}")["words"]["found"].keys() == forms


def test_privacy_tells_what_the_demand_board_keeps(client: Client, settings: Any) -> None:
    assert "days" not in words(client)["words"]["privacy"]
    settings.DEMAND_DAYS = 30
    assert "are kept for 30 days" in words(client)["words"]["privacy"]


def test_widget_says_these_words_and_no_others() -> None:
    script = (settings.BASE_DIR / WIDGET).read_text()
    said = set(re.findall(r"\b(?:say|count)\(\s*\"(\w+)\"", script))
    keys = TEXTS.keys() | PLURALS.keys()
    assert said <= keys
    assert {key for key in keys if f'"{key}"' not in script} == set()


@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES])
def test_closed_button_says_the_same_words(client: Client, language: str) -> None:
    script = (settings.BASE_DIR / WIDGET).read_text()
    found = words(client, f"?language={language}")["words"]
    assert f'{language}: ["{found["title"]}", "{found["close"]}", ' in script
