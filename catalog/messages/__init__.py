"""Sentences for people that can be translated, without Django.

As usual with gettext, the English text, with named placeholders, is the key of its translations in
`locale/`. An error carries a sentence as its only argument, so that `str(error)` is English;
`catalog.messages.translation` puts it into a reader's language.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Amount", "Sentence", "counted", "sentence"]


class Amount(int):
    """A whole number whose thousands are grouped, as the reader's language groups them.

    Other whole numbers, such as that of a line or a port, are written without groups.
    """

    def __str__(self) -> str:
        return f"{self:,}"


@dataclass(frozen=True)
class Sentence:
    """A text with placeholders like `%(size)s`, and their values.

    A value may be a sentence itself, or an error that has one. A float is shown with as few digits
    as it needs.
    """

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)
    plural: str = ""  # the text unless the value `number` is 1; "" if there is no such value

    def __str__(self) -> str:
        text = self.plural if self.plural and self.values["number"] != 1 else self.text
        values = {name: _shown(value) for name, value in self.values.items()}
        return text % values if values else text


def sentence(text: str, /, **values: Any) -> Sentence:
    """A sentence; `makemessages` collects its text."""
    return Sentence(text, values)


def counted(singular: str, plural: str, number: int, /, **values: Any) -> Sentence:
    """A sentence about a number of things; the number's placeholder is `%(number)s`."""
    return Sentence(singular, {"number": number, **values}, plural)


def _shown(value: Any) -> Any:
    return f"{value:,.10g}" if isinstance(value, float) else value
