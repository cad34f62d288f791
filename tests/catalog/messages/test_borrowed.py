"""Texts of libraries that our API shows."""

from pathlib import Path

import rest_framework
from babel.messages.mofile import read_mo
from django.conf import settings

from catalog.messages.borrowed import BORROWED

FOLDER = Path(rest_framework.__file__).parent / "locale"
# Of fields, pages and schemas that we do not have.
UNUSED = {
    *("A page number within the paginated result set.", "A search term."),
    *("A {value_type} identifying this {name}.", "Number of results to return per page."),
    *("The initial index from which to return the results.", "The pagination cursor value."),
    *("UUID string", "unique integer value", "unique value", "Must be a valid UUID."),
    *("Which field to use when ordering the results.", "This dictionary may not be empty."),
    *("Datetime value out of range.", 'Invalid datetime for the timezone "{timezone}".'),
    'Enter a valid "slug" consisting of Unicode letters, numbers, underscores, or hyphens.',
    *("Expected available in {wait} second.", "Expected available in {wait} seconds."),
    *("content", "main content", "navbar", "request form", "request info", "response info"),
    "Extra Actions",
}


LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]


def texts_of(language: str) -> set[str]:
    """The texts that the framework has in this language."""
    with (FOLDER / language / "LC_MESSAGES/django.mo").open("rb") as file:
        return {message.id for message in read_mo(file) if isinstance(message.id, str)} - {""}


def test_sentences_of_the_framework_are_translated_by_it_or_by_us() -> None:
    translated = {language: texts_of(language) for language in LANGUAGES}
    for language in LANGUAGES:
        lacking = set().union(*translated.values()) - translated[language]
        assert lacking <= {*BORROWED, *UNUSED}, language
