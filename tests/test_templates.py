"""Every word in a template can be translated."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parent.parent / "templates"
SHOWN = {"alt", "aria-description", "aria-label", "content", "label", "placeholder", "title"}
# Inside these, text is code.
CODE = {"code", "script", "style"}
TRANSLATED = re.compile(r"{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}", re.DOTALL)
COMMENT = re.compile(r"{%\s*comment\b.*?{%\s*endcomment\s*%}|{#.*?#}", re.DOTALL)
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
# Filters that add words: their argument, or their name where the filter itself is the mistake.
ADDED = re.compile(r"""\|(?:(?:add|default|default_if_none|yesno):["']([^"']*)|(pluralize)\b)""")
WORD = re.compile(r"[^\W\d_]{2,}")
# The same in every language.
FIXED = {"API", "JSON", "SKU", "en", "visualsearch"}


class Words(HTMLParser):
    """Collects the texts that people read, from elements and from attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open += [tag] if tag in CODE else []
        names = dict(attrs)
        shown = SHOWN - ({"content"} if "name" in names or "http-equiv" in names else set())
        if tag == "input" and names.get("type") in ("submit", "button"):
            shown = {*shown, "value"}
        self.found += [value for name, value in attrs if name in shown and value]

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open:
            self.found.append(data)


def bare_words(template: str) -> Iterator[str]:
    """The texts of a template's source that stand outside of tags for translation."""
    # A tag may stand in a value, so none may have a quotation mark.
    html = TAG.sub(" ", TRANSLATED.sub(" ", COMMENT.sub(" ", template)))
    parser = Words()
    parser.feed(html)
    parser.close()
    added = (text or name for text, name in ADDED.findall(template))
    for text in (*parser.found, *added):
        if any(word not in FIXED for word in WORD.findall(text)):
            yield " ".join(text.split())


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('<p>{% translate "Hello" %}: {{ name }}</p>', []),
        ("<p>{% blocktranslate count n=n %}A <b>x</b>{% plural %}B{% endblocktranslate %}</p>", []),
        ('<a title="Open" href="/open/">{% translate "Open" %}</a>', ["Open"]),
        ('<input type="submit" value="Save">', ["Save"]),
        ('<input type="hidden" value="save">', []),
        ('<p class="{% if a %}hint{% endif %}">{# No #}{% comment %}No{% endcomment %}</p>', []),
        ("<p>{% if n %}one{% else %}{{ n }}{% endif %}</p>", ["one"]),
        ('<p>{{ name|default:"no name" }}{{ date|date:"Y-m-d" }}</p>', ["no name"]),
        ("<p>{{ n }}{{ n|pluralize }}</p>", ["pluralize"]),
        ("<p>{{ n }} / {{ m }}, <code>manage.py</code></p>", []),
    ],
)
def test_finds_bare_words(template: str, found: list[str]) -> None:
    assert list(bare_words(template)) == found


def test_every_word_of_the_templates_can_be_translated() -> None:
    found = {
        str(path.relative_to(TEMPLATES)): words
        for path in sorted(TEMPLATES.rglob("*"))
        if path.is_file() and (words := list(bare_words(path.read_text(encoding="utf-8"))))
    }
    assert not found
