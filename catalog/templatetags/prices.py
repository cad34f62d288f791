"""Prices in templates."""

from decimal import Decimal

from django import template

from catalog.messages.prices import format_amount, format_price

register = template.Library()


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """A price with its currency, as the visitor's language writes it."""
    return format_price(amount, currency)


@register.filter
def amount(value: Decimal | float | None) -> str:
    """A price without a currency, "" if there is none."""
    return "" if value is None else format_amount(value)
