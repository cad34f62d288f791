"""Sentences of code that knows no Django."""

import pytest
from django.utils import translation as languages

from catalog.messages import Amount, Sentence, counted, sentence
from catalog.messages.translation import for_storage, translated

ROWS = ("%(number)s row of %(file)s", "%(number)s rows of %(file)s")


class Problem(Exception):
    pass


def test_is_english_by_itself() -> None:
    assert str(Problem(sentence("At most %(most)d are allowed.", most=3))) == (
        "At most 3 are allowed."
    )
    assert str(sentence("100 % wool")) == "100 % wool"


def test_shows_numbers_as_the_language_does() -> None:
    sizes = [sentence("%(size)s MB", size=size) for size in (10.0, 0.5)]
    assert [str(size) for size in sizes] == ["10 MB", "0.5 MB"]
    with languages.override("de"):
        assert [translated(size) for size in sizes] == ["10 MB", "0,5 MB"]


def test_agrees_with_the_number() -> None:
    assert [str(counted(*ROWS, number, file="a.csv")) for number in (0, 1, 2)] == [
        "0 rows of a.csv",
        "1 row of a.csv",
        "2 rows of a.csv",
    ]


@pytest.mark.parametrize(
    "message",
    [
        sentence("Yes"),
        Problem(sentence("Yes")),
        Sentence("%(it)s", {"it": Problem(sentence("Yes"))}),
    ],
)
def test_is_translated_with_what_it_holds(message: Sentence | Exception) -> None:
    with languages.override("de"):
        assert translated(message) == "Ja"


def test_translates_numbers_of_things() -> None:
    assert translated(counted(*ROWS, 2, file="a.csv")) == "2 rows of a.csv"


@pytest.mark.parametrize(("language", "shown"), [("en", "2,000"), ("de", "2.000"), ("ja", "2,000")])
def test_groups_the_thousands_of_amounts(language: str, shown: str) -> None:
    message = sentence("%(most)s, line %(line)s", most=Amount(2000), line=1234)
    assert str(message) == "2,000, line 1234"
    with languages.override(language):
        assert translated(message) == f"{shown}, line 1234"
        assert translated(counted(*ROWS, Amount(2000), file="a.csv")).startswith(shown)


def test_isolates_names_in_sentences_from_right_to_left() -> None:
    with languages.override("ar"):
        assert translated(sentence("%(file)s, line %(line)s", file="a.csv", line=2)) == (
            "\N{FIRST STRONG ISOLATE}a.csv\N{POP DIRECTIONAL ISOLATE}, line 2"
        )


def test_is_stored_in_the_language_of_the_shop() -> None:
    with languages.override("de"):
        assert for_storage(sentence("Yes")) == "Yes"
        assert translated("as it is") == translated(Problem("as it is")) == "as it is"
