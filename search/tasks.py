"""Tasks of the search; a worker's beat asks for them."""

from celery import shared_task

from catalog.serving import serving_embedder
from search.index import live_index


@shared_task(soft_time_limit=55 * 60, time_limit=60 * 60)  # a million products take minutes
def compact() -> None:
    """Write a snapshot if much has changed since the last one."""
    embedder = serving_embedder()
    live_index(embedder.identity, embedder.dim).compact_if_large()
