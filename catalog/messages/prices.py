"""Amounts of money as a visitor's language writes them, by the rules of CLDR."""

import re
from decimal import Decimal
from functools import lru_cache

from babel.numbers import format_currency, format_decimal

from catalog.messages.translation import active_locale

# Between a letter and a digit, where CLDR wants a space (`currencySpacing`) and Babel puts none.
GLUED = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")

# After the $ of US$, which a text from right to left would show before its letters.
TORN = re.compile(r"(?<=[A-Z][$£¥€])")


def format_price(amount: Decimal, currency: str) -> str:
    """A price with its currency in the active language, such as "$54.90" or "54,90 €".

    The digits are Latin in all languages, as are the percentages and counts beside them.
    """
    return _price(amount, currency, active_locale())


def format_amount(amount: Decimal | float) -> str:
    """A price whose currency is not known; whole amounts have no decimals."""
    pattern = "#,##0" if amount % 1 == 0 else "#,##0.00"
    return format_decimal(amount, pattern, locale=active_locale())


@lru_cache(maxsize=4096)  # many products have the same price; writing one takes 13 µs
def _price(amount: Decimal, currency: str, locale: str) -> str:
    text = format_currency(amount, currency, locale=locale)
    if text.startswith("\N{RIGHT-TO-LEFT MARK}"):
        text = TORN.sub("\N{LEFT-TO-RIGHT MARK}", text)
    return GLUED.sub("\N{NO-BREAK SPACE}", text)
