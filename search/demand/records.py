"""Records what shoppers search for, and deletes it when its time is up."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils.timezone import localdate

from catalog.vectors import to_bytes
from search.demand.models import Salt, Searched
from search.queries.photo_cache import is_first
from search.service import Answer

logger = logging.getLogger(__name__)

MAX_KEPT = 10_000  # searches, of five kilobytes each; the oldest are deleted
MAX_PER_CLIENT = 100  # a day, so that nobody alone replaces what others searched for


def record_demand(answer: Answer, client: str) -> None:
    """Record what a client's photo found in the whole catalog, once an hour for each crop of it.

    Database errors are only logged: they must not cost the shopper the answer.
    """
    query, found = answer.query, answer.matches or answer.nearest
    is_plain = query.product is None and not (query.more or query.less)
    if not (is_plain and found and answer.options.is_plain):
        return
    try:
        salt = Salt.of(localdate())
        photo, code = salt.code(query.id), salt.code(client)
        crop = "-".join([photo, code, *map(str, query.crop or ())])
        if not is_first(crop, client=client):
            return
        if Searched.objects.filter(client=code).count() >= MAX_PER_CLIENT:
            return
        with transaction.atomic():
            new = Searched.objects.create(
                embedder=query.embedder,
                vector=to_bytes(query.vector),
                best=max(match.score for match in found),
                day=salt.day,
                photo=photo,
                client=code,
            )
            Searched.objects.filter(pk__lte=new.pk - MAX_KEPT).delete()
    except DatabaseError:
        logger.exception("A search could not be recorded for the demand board.")


def forget_old() -> int:
    """Delete what is older than DEMAND_DAYS, everything if that is 0; return how many searches.

    The salts of earlier days are deleted, too.
    """
    Salt.objects.filter(day__lt=localdate()).delete()
    kept_from = localdate() - timedelta(days=settings.DEMAND_DAYS - 1)
    return Searched.objects.filter(day__lt=kept_from).delete()[0]


def forget_all() -> int:
    """Delete everything that was recorded; return how many searches."""
    Salt.objects.all().delete()
    return Searched.objects.all().delete()[0]
