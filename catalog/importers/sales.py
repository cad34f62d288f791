"""Which of a product's prices counts now."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from catalog.importers.tables import InvalidCatalogFile
from catalog.messages import Amount, sentence
from catalog.values import MAX_PRICE_TEXT, InvalidValue, excerpt, price

MAX_PRICED = 500_000  # things of which the cheapest price is kept
DATE = re.compile(r"(\d{1,4})([-./])(\d{1,2})\2(\d{1,4})(?!\d)")


def amount_of(text: str) -> Decimal | None:
    """The number in a price or a quantity, None if there is none or it is ambiguous."""
    if text:
        with suppress(InvalidValue):
            return price(getattr(text, "value", text))[0]
    return None


def is_lower(text: str, other: str) -> bool:
    """Whether a price is lower than another one."""
    amount = amount_of(text)
    limit = None if amount is None else amount_of(other)
    return amount is not None and limit is not None and amount < limit


def is_running(start: str, end: str) -> bool:
    """Whether today is within these days; an empty one is no limit. Raises InvalidValue."""
    today = date.today()
    return (not start or date_of(start) <= today) and (not end or today <= date_of(end))


def next_change(start: str, end: str) -> datetime | None:
    """When a sale on these days begins or is over, if that is still to come.

    Days that can't be read are none.
    """
    moments = []
    for text, days in ((start, 0), (end, 1)) if start or end else ():
        with suppress(InvalidValue, OverflowError):  # such as for the last day of the year 9999
            day = date_of(text) + timedelta(days=days)
            moments.append(datetime.combine(day, time()).astimezone())
    return min((moment for moment in moments if moment > datetime.now(UTC)), default=None)


def date_of(text: str) -> date:
    """The day of a date or a moment: 2026-01-31, 31.1.2026, 1/31/26. Raises InvalidValue.

    Between slashes the month comes first, as in Magento's exports, unless it can't be one.
    """
    if found := DATE.match(text):
        first, mark, second, third = found.groups()
        if len(first) == 4:
            year, month, day = int(first), int(second), int(third)
        else:
            year = int(third) + (2000 if len(third) < 3 else 0)
            day, month = int(first), int(second)
            if month > 12 or (mark == "/" and day <= 12):
                day, month = month, day
        with suppress(ValueError):
            return date(year, month, day)
    raise InvalidValue(sentence("'%(text)s' is no date, such as 2026-01-31.", text=excerpt(text)))


class Cheapest:
    """The lowest of the prices that were seen for each of several things."""

    def __init__(self) -> None:
        self._prices: dict[int, tuple[Decimal, str, str]] = {}  # by the key's hash

    def add(self, key: str, price: str, sale_price: str) -> None:
        """Keep these prices if what is paid is the lowest. Raises InvalidCatalogFile."""
        amount, place = amount_of(sale_price or price), hash(key)
        if amount is None or max(len(price), len(sale_price)) > MAX_PRICE_TEXT:
            return
        if place not in self._prices or amount < self._prices[place][0]:
            self._prices[place] = amount, price, sale_price
        if len(self._prices) > MAX_PRICED:
            raise InvalidCatalogFile(
                sentence(
                    "The file has more than %(most)s products with variants. Export it in parts.",
                    most=Amount(MAX_PRICED),
                )
            )

    def of(self, *keys: str) -> dict[str, str]:
        """The price and sale price of what has these keys; none where no price was seen."""
        found = [self._prices[hash(key)] for key in keys if hash(key) in self._prices]
        if not found:
            return {}
        _, price, sale_price = min(found)
        return {"price": price, "sale_price": sale_price}
