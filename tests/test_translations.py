"""Each message is translated into every language, and the compiled files are up to date."""

import re
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from django.conf import settings

from tests.pseudo import collected_texts
from tests.tools import GETTEXT

ROOT = Path(__file__).parent.parent
LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|\{[^}]*\}|</?\w+[^>]*>")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """All texts of the project that are to be translated."""
    GETTEXT.path()
    return collected_texts(ROOT, tmp_path_factory.mktemp("texts"))


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3], abort_invalid=True)


def catalog(language: str) -> Catalog:
    return read(ROOT / "locale" / language / "LC_MESSAGES/django.po")


def forms(message: Message) -> list[str]:
    """The translation, or its plural forms."""
    return [message.string] if isinstance(message.string, str) else [*message.string]


def placeholders(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated(collected: Catalog, language: str) -> None:
    texts = catalog(language)
    translated = {(each.context, str(each.id)) for each in texts if all(forms(each))}
    missing = [each.id for each in collected if (each.context, str(each.id)) not in translated]
    assert missing == [], "Run: make messages, and translate these in locale/"
    assert [each.id for each in texts if each.fuzzy and each.id] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_placeholders_and_tags(language: str) -> None:
    wrong = []
    for message in catalog(language):
        originals = [message.id] if isinstance(message.id, str) else [*message.id]
        expected = placeholders(originals[-1])
        for form in forms(message) if message.id else []:
            # Some forms need no number: Arabic has one for "two products".
            lacking = (expected - placeholders(form)).total()
            if placeholders(form) - expected or lacking > message.pluralizable:
                wrong.append((message.id, form))
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_files_are_those_of_the_texts(language: str) -> None:
    written = BytesIO()
    write_mo(written, catalog(language))
    written.seek(0)
    path = ROOT / "locale" / language / "LC_MESSAGES/django.mo"
    assert compiled(BytesIO(path.read_bytes())) == compiled(written), "Run: make messages"


def compiled(file: BytesIO) -> dict[Any, Any]:
    return {(each.context, str(each.id)): each.string for each in read_mo(file) if each.id}
