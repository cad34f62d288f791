"""Hides the products that have left their feed, unless they are suspiciously many."""

from array import array

import numpy as np
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext
from numpy.typing import NDArray

from catalog.feeds.turns import Turn, is_in_work
from catalog.messages import Amount, counted, sentence
from catalog.messages.translation import translated
from catalog.models import FeedRun, Product

BATCH_PRODUCTS = 500  # hidden in one transaction


class NotApproved(Exception):
    """Why a run can't be approved, as a sentence in the reader's language."""


def find_missing(run: FeedRun, seen: "array[int]") -> tuple[NDArray[np.int64], int]:
    """The ids of the feed's products that are shown and were not seen, and how many it had before.

    What staff have shown again after it left stays shown. `seen` has the hashes of SKUs.
    """
    present = np.unique(np.frombuffer(seen, np.int64))
    missing: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    before = last = 0
    shown = Product.objects.filter(feed=run.feed_id, active=True).order_by("pk")
    columns = ("pk", "sku", "left_feed_at", "created_at")
    while page := list(shown.filter(pk__gt=last).values_list(*columns)[:10_000]):
        last = page[-1][0]
        before += sum(created_at < run.started_at for *_, created_at in page)
        ids = np.array([pk for pk, _, left_at, _ in page if left_at is None], np.int64)
        hashes = np.array([hash(sku) for _, sku, left_at, _ in page if left_at is None], np.int64)
        missing.append(ids[~np.isin(hashes, present)])
    return np.concatenate(missing), before


def safety_stop(run: FeedRun, missing: int, before: int, *, is_damaged: bool) -> str:
    """Why so many missing products must not be hidden without approval, "" if they may be."""
    most = run.feed.max_hidden
    if is_damaged:
        reason = sentence(
            "The file ends within a row, or has lost lines to a quote that is not closed, "
            "so nothing was hidden."
        )
    elif missing * 100 > most * before:
        reason = sentence(
            "That is more than the %(most)s %% that a run of this feed may hide, "
            "so nothing was hidden.",
            most=most,
        )
    else:
        return ""
    return translated(
        counted(
            "%(missing)s of %(number)s product is not in the file. %(reason)s "
            "Approve it if it is gone.",
            "%(missing)s of %(number)s products are not in the file. %(reason)s "
            "Approve it if they are gone.",
            Amount(before),
            missing=Amount(missing),
            reason=reason,
        )
    )


def hide(turn: Turn) -> None:
    """Hide the products that the run has found missing. It is safe to repeat after a stop."""
    ids = _ids(turn.run)
    for start in range(0, len(ids), BATCH_PRODUCTS):
        with transaction.atomic():
            count = _hide(turn.run, ids[start : start + BATCH_PRODUCTS])
            turn.write(hidden=turn.run.hidden + count, stops=0)


def approve(run: FeedRun, user_id: int) -> int:
    """Hide what the safety stop kept; the number of products. Raises NotApproved.

    Only the feed's last finished run can be approved. Products that were hidden, changed their feed
    or were shown by staff meanwhile are left alone.
    """
    if is_in_work(run.feed):
        raise NotApproved(gettext("The feed is being imported. Approve it when that has ended."))
    if run != run.feed.runs.filter(state=FeedRun.State.FINISHED).first():
        raise NotApproved(gettext("The feed has been imported again since. Look at its last run."))
    with transaction.atomic():
        waiting = FeedRun.objects.filter(pk=run.pk, approved_at=None, missing__isnull=False)
        if not waiting.update(approved_at=timezone.now(), approved_by=user_id, problem=""):
            raise NotApproved(gettext("Nothing of this run waits to be approved."))
        ids = _ids(run)
        count = sum(
            _hide(run, ids[start : start + BATCH_PRODUCTS])
            for start in range(0, len(ids), BATCH_PRODUCTS)
        )
        FeedRun.objects.filter(pk=run.pk).update(hidden=run.hidden + count, missing=None)
    return count


def _ids(run: FeedRun) -> list[int]:
    ids: list[int] = np.frombuffer(bytes(run.missing or b""), np.int64).tolist()
    return ids


def _hide(run: FeedRun, ids: list[int]) -> int:
    products = Product.objects.filter(pk__in=ids, feed=run.feed_id, active=True, left_feed_at=None)
    now = timezone.now()
    count: int = products.update(active=False, left_feed_at=now, updated_at=now)
    return count
