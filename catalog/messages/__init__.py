"""Sentences for people that can be translated, without Django.

The English text, with named placeholders, is the code under which `locale/` has the translations,
as is usual with gettext. An error carries a sentence as its only argument, so that `str(error)` is
English; `catalog.messages.translation` puts it into a reader's language.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Amount", "Sentence", "counted", "sentence"]


class Amount(int):
    """A number in a sentence whose thousands are grouped as the reader's language groups them.

    Other numbers, such as that of a line or a port, stay as they are.
    """

    def __str__(self) -> str:
        return f"{self:,}"


@dataclass(frozen=True)
class Sentence:
    """A text with placeholders like `%(size)s`, and their values, which may be sentences."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)
    plural: str = ""  # the text for another `number` than 1, if the number matters

    def __str__(self) -> str:
        text = self.plural if self.plural and self.values["number"] != 1 else self.text
        return text % self.values if self.values else text


def sentence(text: str, /, **values: Any) -> Sentence:
    """A sentence; `makemessages` collects its text."""
    return Sentence(text, values)


def counted(singular: str, plural: str, number: int, /, **values: Any) -> Sentence:
    """A sentence about a number of things, which is its placeholder `%(number)s`."""
    return Sentence(singular, {"number": number, **values}, plural)
