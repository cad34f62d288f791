"""Translates the sentences of code that knows no Django."""

from typing import Any

from babel.numbers import format_decimal
from django.conf import settings
from django.utils.translation import (
    get_language,
    get_language_bidi,
    gettext,
    ngettext,
    override,
    to_locale,
)

from catalog.messages import Amount, Sentence

# Around names and addresses, whose parts would otherwise change places in sentences from right to
# left (Unicode Bidirectional Algorithm, "Explicit Directional Isolates").
FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE = "\u2068", "\u2069"
DIGITS = "#,##0.##########"  # thousands grouped, and at most ten digits of a fraction


def translated(message: Sentence | Exception | str) -> str:
    """The sentence, or that of an error, in the language that is active."""
    if isinstance(message, Exception):
        message = message.args[0] if len(message.args) == 1 else str(message)
    if not isinstance(message, Sentence):
        return str(message)
    values = {name: _value(value) for name, value in message.values.items()}
    if message.plural:
        return ngettext(message.text, message.plural, message.values["number"]) % values
    return gettext(message.text) % values if values else gettext(message.text)


def for_storage(message: Sentence | Exception | str) -> str:
    """The sentence in the shop's own language, for what is stored and read by many."""
    with override(settings.LANGUAGE_CODE):
        return translated(message)


def active_locale() -> str:
    """The active language as Babel names it, or the shop's own where none is active."""
    return to_locale(get_language() or settings.LANGUAGE_CODE)


def text_direction() -> str:
    """How the active language is written: "ltr" or "rtl", as in HTML."""
    return "rtl" if get_language_bidi() else "ltr"


def isolated(text: object) -> str:
    """A name or a date, marked so that it keeps its own direction in a sentence."""
    return f"{FIRST_STRONG_ISOLATE}{text}{POP_DIRECTIONAL_ISOLATE}"


def _value(value: Any) -> Any:
    if isinstance(value, Amount | float):
        return format_decimal(+value, DIGITS, locale=active_locale())  # + makes an Amount an int
    if isinstance(value, str) and get_language_bidi():
        return isolated(value)
    return translated(value) if isinstance(value, Sentence | Exception) else value
