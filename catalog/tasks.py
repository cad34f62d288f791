"""Celery tasks, and how rows get to them.

The database is the queue (`catalog.embedding.claims`): messages only make workers start sooner.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from time import monotonic

from celery import Task, shared_task
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import F
from kombu.exceptions import OperationalError

from catalog.embedders import EmbedderUnavailable
from catalog.embedding.batches import embed_pictures
from catalog.embedding.claims import PictureOutcome
from catalog.embedding.columns import (
    ALWAYS_DUE,
    NEVER,
    REMOTE,
    EmbeddedPicture,
    EmbeddedQuerySet,
    embedded_models,
)
from catalog.embedding.downloads import fetch_pictures
from catalog.embedding.refetching import due_now, refetch_pictures
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


@shared_task
def refetch(model: str, ids: list[int]) -> None:
    """Ask the addresses of those rows whose turn it is whether their pictures have changed."""
    rows = apps.get_model(model)._default_manager.filter(pk__in=ids)
    refetch_rows(rows.model, rows.refetch_due() | rows.unscheduled(), FETCH_TASK_SECONDS)


@shared_task
def refetch_pending() -> None:
    """Ask the addresses whose turn it is in this run, of all models."""
    end = monotonic() + FETCH_TASK_SECONDS
    run = timedelta(seconds=settings.REFETCH_RUN_SECONDS)
    for model in embedded_models():
        refetch_rows(model, due_now(model, run), end - monotonic())


def refetch_rows(
    model: type[EmbeddedPicture], rows: Iterable[EmbeddedPicture], seconds: float | None = None
) -> list[PictureOutcome]:
    """`refetch_pictures`, after which changed pictures are embedded and failures are logged."""
    outcomes = list(refetch_pictures(rows, seconds=seconds))
    _send({(embed, model): [outcome.id for outcome in outcomes if outcome.status == "fetched"]})
    for outcome in outcomes:
        if outcome.reason:
            name = model._meta.label
            logger.warning("%s %d keeps its old picture: %s", name, outcome.id, outcome.reason)
    return outcomes


def fetch_again(rows: EmbeddedQuerySet, *, conditional: bool = False) -> int:
    """Have the pictures of those rows that have an address fetched again. Returns their number.

    Uploads are replaced as well. If it is conditional, they are left alone, and a server that says
    that a picture is unchanged is believed. Without a broker, at most a hundred are fetched at once
    and the others by `refetch_pictures` and `build_embeddings`.
    """
    remote = rows.filter(REMOTE)
    stored, bare = remote.exclude(image=""), remote.filter(image="")
    columns: dict[str, object] = {"refetch_at": ALWAYS_DUE, "refetch_error": None}
    if conditional:
        stored, bare = stored.exclude(refetch_at=NEVER), bare.none()
        asked = stored.exclude(refetch_at=None)
    else:
        asked = stored
        columns["image_validator"] = None
    with transaction.atomic():
        ids = {
            (task, rows.model): list(chosen.order_by("pk").values_list("pk", flat=True))
            for task, chosen in ((refetch, stored), (fetch, bare))
        }
        asked.update(**columns, revision=F("revision"))
        bare.make_pending()
        most = TASK_ROWS if settings.CELERY_TASK_ALWAYS_EAGER else None
        messages = {key: chosen[:most] for key, chosen in ids.items()}
        transaction.on_commit(partial(_send, messages))
    return sum(map(len, ids.values()))


@shared_task
def forget_imports() -> None:
    """Delete the uploaded files that nobody confirmed in time."""
    apps.get_model("catalog.UnconfirmedImport").objects.expired().delete()


def hand_to_workers(*rows: EmbeddedPicture, using: str | None = None) -> None:
    """After the commit, have the rows' pictures embedded or, where there is none yet, fetched."""
    groups: dict[tuple[bool, type[EmbeddedPicture]], list[int]] = {}
    for row in rows:
        groups.setdefault((bool(row.image), type(row)), []).append(row.pk)
    messages = {(embed if stored else fetch, model): ids for (stored, model), ids in groups.items()}
    batch = _batch.get()
    if batch is None:
        transaction.on_commit(partial(_send, messages), using=using)
    else:
        for key, ids in messages.items():
            batch.setdefault(key, []).extend(ids)


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
