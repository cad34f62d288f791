"""Celery tasks: thin shells around `catalog.embedding`."""

import logging

from celery import shared_task
from django.apps import apps
from django.db.models import Model
from django.dispatch import receiver
from kombu.exceptions import OperationalError

from catalog.embedders import EmbedderUnavailable
from catalog.embedding import current_embedder, embed_pictures
from catalog.signals import embedding_wanted

logger = logging.getLogger(__name__)


@shared_task
def embed(model: str, ids: list[int]) -> None:
    """Compute the vectors that these rows of a model ("catalog.Product") still want."""
    try:
        embedder = current_embedder()
    except EmbedderUnavailable as error:
        logger.error("%d pictures stay pending. %s", len(ids), error)
        return
    rows = apps.get_model(model)._default_manager.filter(pk__in=ids)
    for outcome in embed_pictures(rows.unembedded(embedder.identity), embedder):
        if outcome.reason:
            logger.warning("%s %d has no vector: %s", model, outcome.id, outcome.reason)


@receiver(embedding_wanted)
def queue_embedding(sender: type[Model], ids: list[int], **_: object) -> None:
    """Hand rows to a worker. Without a broker they wait, pending, for the next look at them."""
    try:
        embed.apply_async((sender._meta.label, ids), retry=False)
    except OperationalError as error:
        logger.warning("%d pictures stay pending, the broker is down: %s", len(ids), error)
