"""Amounts of money as a visitor's language writes them, by the rules of CLDR."""

import re
from decimal import Decimal
from functools import lru_cache

from babel.numbers import format_currency, format_decimal
from django.conf import settings
from django.utils.translation import get_language

# CLDR separates letters from digits; Babel leaves out that rule of it.
GLUED = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")

# In a text from right to left, the $ of US$ would be put before its letters.
TORN = re.compile(r"(?<=[A-Z][$£¥€])")


def written_price(amount: Decimal, currency: str) -> str:
    """A price with its currency in the active language, such as "$54.90" or "54,90 €".

    The digits are Latin in all languages, as are the percentages and counts beside them.
    """
    return _price(amount, currency, get_language() or settings.LANGUAGE_CODE)


def written_amount(amount: Decimal | float) -> str:
    """A price whose currency is not known; whole amounts have no decimals."""
    pattern = "#,##0" if amount % 1 == 0 else "#,##0.00"
    language = get_language() or settings.LANGUAGE_CODE
    return format_decimal(amount, pattern, locale=language.replace("-", "_"))


@lru_cache(maxsize=4096)  # many products have the same price; writing one takes 13 µs
def _price(amount: Decimal, currency: str, language: str) -> str:
    text = format_currency(amount, currency, locale=language.replace("-", "_"))
    if text.startswith("\N{RIGHT-TO-LEFT MARK}"):
        text = TORN.sub("\N{LEFT-TO-RIGHT MARK}", text)
    return GLUED.sub("\N{NO-BREAK SPACE}", text)
