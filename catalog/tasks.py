"""Celery tasks: thin shells around `catalog.embedding.batches` and `catalog.embedding.remote`."""

import logging
from time import monotonic

from celery import Task, shared_task
from django.apps import apps
from django.db.models import Model
from django.dispatch import receiver
from kombu.exceptions import OperationalError

from catalog.embedders import EmbedderUnavailable
from catalog.embedding.batches import embed_pictures
from catalog.embedding.remote import fetch_pictures
from catalog.models import EMBEDDED_MODELS, EmbeddedQuerySet
from catalog.serving import serving_embedder
from catalog.signals import embedding_wanted, picture_wanted

logger = logging.getLogger(__name__)

PER_TASK = 100  # pictures; even a slow machine has done them before the time limit
FETCHING = 10.0  # seconds in which a task begins to fetch pictures; one takes as long at most
REST = 5.0  # seconds for which a broker that did not answer is not asked again

resting_until = float("-inf")  # by the monotonic clock


@shared_task
def embed(model: str, ids: list[int]) -> None:
    """Compute the vectors that these rows of a model ("catalog.Product") still want."""
    _embed(apps.get_model(model)._default_manager.filter(pk__in=ids))


@shared_task
def fetch(model: str, ids: list[int]) -> None:
    """Fetch the pictures that these rows of a model still lack, and ask for their vectors."""
    rows = apps.get_model(model)._default_manager.filter(pk__in=ids)
    fetched = []
    for outcome in fetch_pictures(rows.fetch_due(), seconds=FETCHING):
        if outcome.status == "fetched":
            fetched.append(outcome.id)
        elif outcome.reason:
            logger.warning("%s %d has no picture: %s", model, outcome.id, outcome.reason)
    queue_embedding(rows.model, fetched)


@shared_task
def embed_pending() -> None:
    """Finish what is due, be it that no message was sent or that a worker died over it.

    The rest waits for the next run.
    """
    for model in EMBEDDED_MODELS:
        due = model.objects.due().order_by("embedding_due_at")
        embed(model._meta.label, list(due.values_list("pk", flat=True)[:PER_TASK]))


@shared_task
def fetch_pending() -> None:
    """Fetch pictures that are due, of one model, so that the time limit holds."""
    for model in EMBEDDED_MODELS:
        due = model.objects.fetch_due().order_by("embedding_due_at")
        if ids := list(due.values_list("pk", flat=True)[:PER_TASK]):
            fetch(model._meta.label, ids)
            return


@receiver(embedding_wanted)
def queue_embedding(sender: type[Model], ids: list[int], **_: object) -> None:
    """Hand rows to workers, for their vectors."""
    _queue(embed, sender, ids)


@receiver(picture_wanted)
def queue_fetching(sender: type[Model], ids: list[int], **_: object) -> None:
    """Hand rows to workers, for their pictures."""
    _queue(fetch, sender, ids)


def _queue(task: Task, model: type[Model], ids: list[int]) -> None:
    """Send messages. While the broker is down the rows wait for the tasks that run of themselves.

    A broker that keeps silent costs one caller half a second, and then nobody for a while.
    """
    global resting_until
    if monotonic() < resting_until:
        return
    try:
        for start in range(0, len(ids), PER_TASK):
            task.delay(model._meta.label, ids[start : start + PER_TASK])
    except OperationalError as error:
        resting_until = monotonic() + REST
        logger.warning("%d pictures stay pending, the broker is down: %s", len(ids), error)


def _embed(rows: EmbeddedQuerySet) -> None:
    due = rows.due()
    if not due.exists():
        return  # an idle worker needs no network
    try:
        embedder = serving_embedder()
    except EmbedderUnavailable as error:
        logger.error("%d pictures stay pending. %s", due.count(), error)
        return
    for outcome in embed_pictures(due, embedder):
        if outcome.reason:
            label = rows.model._meta.label
            logger.warning("%s %d has no vector: %s", label, outcome.id, outcome.reason)
