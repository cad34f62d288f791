"""Prices as each language writes them."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation as languages
from django.utils.formats import number_format

from catalog.messages.prices import format_amount, format_price

THIN, SPACE, RIGHT_TO_LEFT = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}", "\u200f"


@pytest.mark.parametrize(
    ("language", "amount", "currency", "written"),
    [
        ("en", "54.90", "USD", "$54.90"),
        ("en", "1254", "EUR", "€1,254.00"),
        ("fr", "54.90", "EUR", f"54,90{SPACE}€"),
        ("fr", "1254.90", "USD", f"1{THIN}254,90{SPACE}$US"),
        ("de", "54.90", "EUR", f"54,90{SPACE}€"),
        ("es", "54.90", "USD", f"54,90{SPACE}US$"),
        ("ja", "5490", "JPY", "￥5,490"),
        ("en", "5490.00", "JPY", "¥5,490"),
        ("en", "1.90", "KWD", f"KWD{SPACE}1.900"),
        ("ar", "54.90", "EUR", f"{RIGHT_TO_LEFT}54.90{SPACE}€"),
        ("ar", "54.90", "USD", f"{RIGHT_TO_LEFT}54.90{SPACE}US$\u200e"),
        ("en", "54.90", "XAU", f"XAU{SPACE}54.90"),
        ("fr", "54.90", "ABC", f"54,90{SPACE}ABC"),  # no currency of today
    ],
)
def test_writes_price(language: str, amount: str, currency: str, written: str) -> None:
    with languages.override(language):
        assert format_price(Decimal(amount), currency) == written


def test_uses_the_shops_language_where_none_is_active(settings: Any) -> None:
    settings.LANGUAGE_CODE = "de"
    with languages.override(None, deactivate=True):
        assert format_price(Decimal("1.50"), "EUR") == f"1,50{SPACE}€"


@pytest.mark.parametrize(
    ("language", "amount", "written"), [("en", "5490.00", "5,490"), ("fr", "1.5", "1,50")]
)
def test_writes_amount_without_currency(language: str, amount: str, written: str) -> None:
    with languages.override(language):
        assert format_amount(Decimal(amount)) == written


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ja", "ar"])
def test_other_numbers_have_the_decimal_sign_of_prices(language: str) -> None:
    with languages.override(language):
        assert number_format(0.5) == format_amount(0.5).rstrip("0")
