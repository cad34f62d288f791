"""Which products are a feed's, and whether it may show them.

A feed adopts the products that no feed has, or that another feed has hidden. It leaves those of
another feed alone, and what staff have hidden stays hidden.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext

from catalog.feeds.turns import Turn
from catalog.importers import RowResult
from catalog.importers.formats import Row
from catalog.importers.writer import CREATED, FAILED, UNCHANGED, UPDATED
from catalog.models import Product

MAX_LETTERS = 1000  # of a sentence that it keeps
MAX_TOLD = 200  # failures of a run, and notes, that its report keeps


class FeedOwner:
    """The feed of a run, as an import asks it (`importers.importing.Owner`)."""

    def __init__(self, turn: Turn, bytes_read: Callable[[], int]) -> None:
        self._turn, self._bytes_read = turn, bytes_read
        self._feed_id = turn.run.feed_id
        # The hashes of all SKUs in the file: eight bytes for each, and no write to the database.
        self.seen = array("q")
        self.changes_at: datetime | None = None  # when a sale in the file begins or ends
        self.is_damaged = False  # whether the file has lines that can't be told apart
        self._new: list[str] = []  # SKUs of the present chunk that become this feed's
        self._leaving: list[str] = []  # ... that the file says are not sold
        self._returning: list[str] = []  # ... that this feed had hidden

    def remaining(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows after those that an earlier turn has imported."""

        def noted() -> Iterator[Row]:
            for row in rows:
                if row.sku:
                    self.seen.append(hash(row.sku))
                self.is_damaged |= row.loses_lines
                if row.changes_at:
                    self.changes_at = min(row.changes_at, self.changes_at or row.changes_at)
                yield row

        return islice(noted(), self._turn.run.rows, None)

    def admit(self, rows: list[Row]) -> list[Row]:
        """The rows without those of other feeds' products, and with `active` by our own rule."""
        self._new, self._leaving, self._returning = [], [], []
        skus = [row.sku for row in rows if not row.error]
        columns = ("feed", "feed__name", "active", "left_feed_at")
        products = Product.objects.filter(sku__in=skus).values_list("sku", *columns)
        known = {sku: state for sku, *state in products}
        return [row if row.error else self._admit(row, known.get(row.sku)) for row in rows]

    def _admit(self, row: Row, state: list[Any] | None) -> Row:
        feed_id, feed_name, is_active, left_at = state or (None, "", False, None)
        if feed_id not in (None, self._feed_id) and left_at is None:
            text = gettext("This product belongs to the feed %(feed)s. Remove it from one of them.")
            return replace(row, error=text % {"feed": feed_name})
        if feed_id != self._feed_id:
            self._new.append(row.sku)
        values = dict(row.values)
        is_sold = values.pop("active", True)
        if state is None:
            if not is_sold:
                self._leaving.append(row.sku)
                values["active"] = False
        elif is_sold and left_at is not None:
            self._returning.append(row.sku)
            values["active"] = True
        elif not is_sold and is_active and left_at is None:
            self._leaving.append(row.sku)
            values["active"] = False
        return replace(row, values=values)

    def settle(self, results: list[RowResult]) -> None:
        """Keep the chunk's results and whose its products are."""
        run = self._turn.run
        # No search sees these columns, so the revisions stay.
        unseen = {"revision": F("revision")}
        free = Q(feed=None) | Q(feed=self._feed_id) | ~Q(left_feed_at=None)
        if self._new:
            new = Product.objects.filter(free, sku__in=self._new)
            new.update(feed=self._feed_id, **unseen)
        own = Product.objects.filter(feed=self._feed_id)
        if self._leaving:
            leaving = own.filter(sku__in=self._leaving, active=False)
            leaving.update(left_feed_at=timezone.now(), **unseen)
        if self._returning:
            returning = own.filter(sku__in=self._returning, active=True)
            returning.update(left_feed_at=None, **unseen)
        counts = Counter(result.status for result in results)
        columns: dict[str, Any] = {
            status: getattr(run, status) + counts[status]
            for status in (CREATED, UPDATED, UNCHANGED, FAILED)
        }
        for name, told in (
            ("failures", [result for result in results if result.status == FAILED]),
            ("notes", [it for it in results if it.status != FAILED and it.reason]),
        ):
            columns |= added(getattr(run, name), name, told)
        columns |= {"rows": run.rows + len(results), "done": self._bytes_read(), "stops": 0}
        self._turn.write(**columns)


def added(kept: list[Any], name: str, results: list[RowResult]) -> dict[str, Any]:
    """The run's column with these results added; empty if the column is full."""
    room = results[: MAX_TOLD - len(kept)] if len(kept) < MAX_TOLD else []
    more = [[result.line, plain(result.sku), plain(result.reason)] for result in room]
    return {name: kept + more} if more else {}


def plain(text: str) -> str:
    """The text as every database takes it: without NULs, and without bytes that are no text."""
    return text[:MAX_LETTERS].encode("utf-8", "replace").decode().replace("\0", "?")
