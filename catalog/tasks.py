"""Celery tasks, and how rows get to them.

The database is the queue (`catalog.embedding.claims`): messages only make workers start sooner.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from time import monotonic

from celery import Task, shared_task
from django.apps import apps
from django.db import transaction
from kombu.exceptions import OperationalError

from catalog.embedders import EmbedderUnavailable
from catalog.embedding.batches import embed_pictures
from catalog.embedding.columns import EmbeddedPicture, embedded_models
from catalog.embedding.downloads import fetch_pictures
from catalog.serving import serving_embedder

logger = logging.getLogger(__name__)

TASK_ROWS = 100  # rows in one message; a slow machine finishes them before the time limit
# A task starts no new fetch after this many seconds; one fetch can take as long again.
FETCH_TASK_SECONDS = 10.0
BROKER_PAUSE = 5.0  # seconds without messages after the broker did not answer

# Module state, because it belongs to the process: each finds out for itself whether it reaches
# the broker, and the shared cache may be the same Redis that is down.
paused_until = float("-inf")  # by the monotonic clock

Messages = dict[tuple[Task, type[EmbeddedPicture]], list[int]]  # ids of rows
_batch: ContextVar[Messages | None] = ContextVar("batch", default=None)


@shared_task
def embed(model: str, ids: list[int]) -> None:
    """Embed those of a model's rows that are due; the model is named like "catalog.Product"."""
    due = apps.get_model(model)._default_manager.filter(pk__in=ids).due()
    if not due.exists():
        return  # without loading the network
    try:
        embedder = serving_embedder()
    except EmbedderUnavailable as error:
        logger.error("%d pictures stay pending. %s", due.count(), error)
        return
    for outcome in embed_pictures(due, embedder):
        if outcome.reason:
            logger.warning("%s %d has no vector: %s", model, outcome.id, outcome.reason)


@shared_task
def fetch(model: str, ids: list[int]) -> None:
    """Fetch the pictures of those of a model's rows that are due, and have them embedded."""
    rows = apps.get_model(model)._default_manager.filter(pk__in=ids)
    fetched = []
    for outcome in fetch_pictures(rows.fetch_due(), seconds=FETCH_TASK_SECONDS):
        if outcome.status == "fetched":
            fetched.append(outcome.id)
        elif outcome.reason:
            logger.warning("%s %d has no picture: %s", model, outcome.id, outcome.reason)
    _send({(embed, rows.model): fetched})


@shared_task
def embed_pending() -> None:
    """Embed rows that are due, whose message was lost or whose worker died.

    Rows beyond the first hundred of each model wait for the next run.
    """
    for model in embedded_models():
        due = model.objects.due().order_by("embedding_due_at")
        embed(model._meta.label, list(due.values_list("pk", flat=True)[:TASK_ROWS]))


@shared_task
def fetch_pending() -> None:
    """Fetch pictures that are due, of one model only, so that the time limit holds."""
    for model in embedded_models():
        due = model.objects.fetch_due().order_by("embedding_due_at")
        if ids := list(due.values_list("pk", flat=True)[:TASK_ROWS]):
            fetch(model._meta.label, ids)
            return


def hand_to_workers(row: EmbeddedPicture, *, using: str | None = None) -> None:
    """After the commit, have the row's picture embedded or, where it has none yet, fetched."""
    key = (embed if row.image else fetch, type(row))
    batch = _batch.get()
    if batch is None:
        transaction.on_commit(partial(_send, {key: [row.pk]}), using=using)
    else:
        batch.setdefault(key, []).append(row.pk)


@contextmanager
def batched_messages() -> Iterator[None]:
    """Hand the rows of the block to workers together, at its end; for bulk changes."""
    batch: Messages = {}
    token = _batch.set(batch)
    try:
        yield
    finally:
        _batch.reset(token)
        transaction.on_commit(partial(_send, batch))


def _send(messages: Messages) -> None:
    """Send the messages. While the broker is down, rows wait for the periodic tasks.

    A broker that does not answer delays one caller by half a second; the next ones do not try.
    """
    global paused_until
    for (task, model), ids in messages.items():
        if monotonic() < paused_until:
            return
        try:
            for start in range(0, len(ids), TASK_ROWS):
                task.delay(model._meta.label, ids[start : start + TASK_ROWS])
        except OperationalError as error:
            paused_until = monotonic() + BROKER_PAUSE
            logger.warning("%d pictures stay pending, the broker is down: %s", len(ids), error)
