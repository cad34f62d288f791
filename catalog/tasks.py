"""Celery tasks: thin shells around `catalog.embedding`."""

import logging

from celery import shared_task
from django.apps import apps
from django.db.models import Model
from django.dispatch import receiver
from kombu.exceptions import OperationalError

from catalog.embedders import EmbedderUnavailable
from catalog.embedding import current_embedder, embed_pictures
from catalog.models import EMBEDDED_MODELS, EmbeddedQuerySet
from catalog.signals import embedding_wanted

logger = logging.getLogger(__name__)


@shared_task
def embed(model: str, ids: list[int]) -> None:
    """Compute the vectors that these rows of a model ("catalog.Product") still want."""
    _embed(apps.get_model(model)._default_manager.filter(pk__in=ids))


@shared_task
def embed_pending() -> None:
    """Finish whatever is due, be it that no message was sent or that a worker died over it."""
    for model in EMBEDDED_MODELS:
        _embed(model.objects.all())


@receiver(embedding_wanted)
def queue_embedding(sender: type[Model], ids: list[int], **_: object) -> None:
    """Hand rows to a worker. While the broker is down they wait for `embed_pending`."""
    try:
        embed.apply_async((sender._meta.label, ids), retry=False)
    except OperationalError as error:
        logger.warning("%d pictures stay pending, the broker is down: %s", len(ids), error)


def _embed(rows: EmbeddedQuerySet) -> None:
    due = rows.due()
    try:
        embedder = current_embedder()
    except EmbedderUnavailable as error:
        logger.error("%d pictures stay pending. %s", due.count(), error)
        return
    for outcome in embed_pictures(due, embedder):
        if outcome.reason:
            label = rows.model._meta.label
            logger.warning("%s %d has no vector: %s", label, outcome.id, outcome.reason)
