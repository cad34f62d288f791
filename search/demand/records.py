"""Records what shoppers search for, and deletes it when its time is up."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils.timezone import localdate

from catalog.vectors import to_bytes
from search.demand.models import Searched
from search.queries.photo_cache import is_first
from search.service import Answer

logger = logging.getLogger(__name__)


def record_demand(answer: Answer) -> None:
    """Record what a search by a photo found in the whole catalog, once an hour for each photo.

    Database errors are only logged: they must not cost the shopper the answer.
    """
    query, found = answer.query, answer.matches or answer.nearest
    is_plain = query.product is None and not (query.more or query.less)
    if not (is_plain and found and answer.options.is_plain):
        return
    if not is_first("-".join([query.id, *map(str, query.crop or ())])):
        return
    try:
        with transaction.atomic():
            Searched.objects.create(
                embedder=query.embedder,
                vector=to_bytes(query.vector),
                best=max(match.score for match in found),
                day=localdate(),
            )
    except DatabaseError:
        logger.exception("A search could not be recorded for the demand board.")


def forget_old() -> int:
    """Delete what is older than DEMAND_DAYS, everything if that is 0; return how many."""
    kept_from = localdate() - timedelta(days=settings.DEMAND_DAYS - 1)
    return Searched.objects.filter(day__lt=kept_from).delete()[0]


def forget_all() -> int:
    """Delete everything that was recorded; return how many."""
    return Searched.objects.all().delete()[0]
