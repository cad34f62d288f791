"""Feeds for Google Merchant Center and Meta (Facebook, Instagram): text and XML.

support.google.com/merchants/answer/7052112; developers.facebook.com, "Catalog fields".
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalog.importers.formats.contract import Draft, Format

COLUMNS = {
    "sku": ("id",),
    "name": ("title",),
    "link": ("link",),
    "image_url": ("image_link", "image[0].url"),
    "photos": ("additional_image_link#", "image[#].url"),
    "price": ("price",),
    "sale_price": ("sale_price",),
    "sale_dates": ("sale_price_effective_date",),
    "availability": ("availability",),
    "brand": ("brand",),
    "group": ("item_group_id",),
    "own_category": ("product_type#",),
    "known_category": ("google_product_category#", "fb_product_category#"),
    "colour": ("color", "colour"),
    "size": ("size",),
    "material": ("material",),
    "pattern": ("pattern",),
    "gender": ("gender",),
    "age group": ("age_group",),
    "visibility": ("visibility",),
    "status": ("status",),
}
NEEDED = ("sku", "name", "image_url", "price")
ATTRIBUTES = ("colour", "size", "material", "pattern", "gender", "age group")
HIDDEN = {"hidden", "staging", "archived"}  # values of Meta's `visibility` and `status`
NUMBER = re.compile(r"\A\d+(?: - |\Z)")  # of a category, perhaps before its path


def products(rows: Iterable[Draft]) -> Iterator[Draft]:
    """A product for each row; `item_group_id` groups the variants."""
    for row in rows:
        more: dict[str, Any] = {"category": _category(row)}
        if attributes := {name: row[name] for name in ATTRIBUTES if name in row.texts}:
            more["attributes"] = {name: text for name, text in attributes.items() if text}
        if shown := {row[name].lower() for name in ("visibility", "status") if row[name]}:
            more["active"] = "yes" if shown.isdisjoint(HIDDEN) else "no"
        product = row
        if row["sale_dates"]:
            is_now, changes_at = _sale(row["sale_dates"])
            product = replace(row, changes_at=changes_at)
            if not is_now:
                more["sale_price"] = ""
        yield product.but(**more)


def _category(row: Draft) -> str:
    """The shop's own category, or that of Google's or Meta's list if it is not just a number."""
    own = row.numbered("own_category").values()
    known = (NUMBER.sub("", text) for text in row.numbered("known_category").values())
    return next((text for text in (*own, *known) if text), "")


def _sale(dates: str) -> tuple[bool, datetime | None]:
    """Whether a sale is running now, and when that changes.

    Its dates are such as 2026-01-31T00:00+0100/2026-02-07T23:59+0100. If they can't be read, it
    runs and does not end.
    """
    moments = []
    for text in dates.split("/"):
        with suppress(ValueError):
            moment = datetime.fromisoformat(text.strip())
            moments.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if len(moments) != 2:
        return True, None
    now = datetime.now(UTC)
    changes_at = min((moment for moment in moments if moment > now), default=None)
    return moments[0] <= now <= moments[1], changes_at


FORMAT = Format(_("Google Merchant or Meta"), COLUMNS, NEEDED, products)
