"""A pseudo-language, which puts each text that can be translated between ⟦ and ⟧.

Values in a text stay outside of the brackets. So whatever is read outside of them is data, or it is
a text, or part of a sentence, that nobody can translate.
"""

import re
from contextlib import chdir
from html.parser import HTMLParser
from pathlib import Path
from shutil import copytree, ignore_patterns

import django
from babel.messages import Catalog
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from django.apps import apps
from django.core.management import call_command
from django.test import override_settings

LANGUAGE = "de"  # whose translations are replaced
SOURCES = ("catalog", "search", "templates", "visualsearch")
PLACEHOLDER = re.compile(r"(%\(\w+\)[sdr]|%[sd]|\{\w*\})")
WRAPPED = re.compile(r"⟦[^⟦⟧]*⟧")
READ_ATTRIBUTES = ("alt", "aria-label", "aria-description", "placeholder", "title")


def write_catalog(root: Path, folder: Path) -> Path:
    """Write the catalog of all texts of the project, and of its libraries, to a new folder.

    Returns the folder for LOCALE_PATHS. Of the libraries, only texts with a translation count.
    """
    catalogs = [collected_texts(root, folder)]
    packages = [
        Path(django.__file__).parent / "conf",
        *(app.path for app in apps.get_app_configs()),
    ]
    for package in packages:
        compiled = Path(package, "locale", LANGUAGE, "LC_MESSAGES", "django.mo")
        if compiled.exists():
            with compiled.open("rb") as file:
                catalogs.append(read_mo(file))
    pseudo = Catalog(locale=LANGUAGE)
    for catalog in catalogs:
        for message in catalog:
            if isinstance(message.id, str):
                pseudo.add(message.id, wrapped(message.id), context=message.context)
            else:
                pseudo.add(message.id, [*map(wrapped, message.id)], context=message.context)
    locale = folder / "locale"
    with (locale / LANGUAGE / "LC_MESSAGES" / "django.mo").open("wb") as file:
        write_mo(file, pseudo)
    return locale


def collected_texts(root: Path, folder: Path) -> Catalog:
    """All texts of the project that are to be translated, collected in a new folder."""
    for name in SOURCES:  # makemessages writes files of its own beside its sources
        copytree(root / name, folder / name, ignore=ignore_patterns("locale", "__pycache__"))
    locale = folder / "locale"
    locale.mkdir()
    with chdir(folder), override_settings(LOCALE_PATHS=[locale]):
        call_command("makemessages", locale=[LANGUAGE], verbosity=0)
    with (locale / LANGUAGE / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file, locale=LANGUAGE)


def wrapped(text: str) -> str:
    """The text in brackets, but for its placeholders."""
    return text and "⟦" + PLACEHOLDER.sub(r"⟧\1⟦", text) + "⟧"


def unwrapped(text: str) -> str:
    """What stands outside of all brackets."""
    while text != (text := WRAPPED.sub("", text)):
        pass
    return text.strip()


def texts_outside(html: str) -> list[str]:
    """The texts of a page that stand outside of all brackets, also those in its attributes."""
    reader = _Reader()
    reader.feed(html)
    # Together, because the elements within a sentence are within its brackets.
    lines = (unwrapped(text) for text in (*reader.attributes, "\n".join(reader.texts)))
    return [line.strip() for text in lines for line in text.splitlines() if line.strip()]


class _Reader(HTMLParser):
    """Collects what a person sees or hears of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.attributes: list[str] = []
        self.is_read = True

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.is_read = tag not in ("script", "style")
        given = {name: value or "" for name, value in attributes}
        names = [name for name in READ_ATTRIBUTES if name in given]
        # What scripts show; names and numbers for scripts have no spaces.
        names += [name for name in given if name.startswith("data-") and " " in given[name]]
        if tag == "input" and given.get("type") in ("button", "reset", "submit"):
            names.append("value")
        if tag == "meta" and given.get("name") == "description":
            names.append("content")
        self.attributes += [given[name] for name in names]

    def handle_endtag(self, tag: str) -> None:
        self.is_read = True

    def handle_data(self, data: str) -> None:
        if self.is_read:
            self.texts.append(data)
