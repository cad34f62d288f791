"""Keeping what was looked for, for as long as the shop says."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils.timezone import localdate

from catalog.vectors import to_bytes
from search.demand.models import Searched
from search.queries.cache import is_first
from search.service import Answer

logger = logging.getLogger(__name__)


def is_on() -> bool:
    """Whether searches are kept."""
    return bool(settings.DEMAND_DAYS)


def note(answer: Answer) -> None:
    """Keep what a search by a photo found in the whole catalog, once an hour for each photo.

    Trouble is logged: the shopper's answer does not hang on it.
    """
    query, found = answer.query, answer.matches or answer.nearest
    is_plain = query.product is None and not (query.more or query.less)
    if not (is_on() and is_plain and found and answer.options.is_plain):
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
        logger.exception("A search could not be kept for the demand board.")


def forget_old() -> int:
    """Delete what has been kept for DEMAND_DAYS, all if that is 0; how many it was."""
    kept_from = localdate() - timedelta(days=settings.DEMAND_DAYS - 1)
    return Searched.objects.filter(day__lt=kept_from).delete()[0]


def forget_all() -> int:
    """Delete all that is kept; how many it was."""
    return Searched.objects.all().delete()[0]
