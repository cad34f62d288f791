"""Tasks of the search; a worker's beat asks for them."""

from celery import shared_task

from catalog.serving import serving_embedder
from search.index import live_index
from search.maps import draw_map_seldom

# Both are taken from the queue at once: they take longer than a broker waits before it sends a
# message to another worker.


@shared_task(acks_late=False, reject_on_worker_lost=False, soft_time_limit=3300, time_limit=3600)
def compact() -> None:
    """Write a snapshot if much has changed since the last one: minutes for a million products."""
    embedder = serving_embedder()
    live_index(embedder.identity, embedder.dim).compact_if_large()


@shared_task(acks_late=False, reject_on_worker_lost=False, soft_time_limit=600, time_limit=630)
def draw_map() -> None:
    """Draw the map anew if the catalog has changed, once an hour at most."""
    embedder = serving_embedder()
    draw_map_seldom(embedder.identity, embedder.dim)
