"""Tasks of the search; a worker's beat schedules them."""

from celery import shared_task

from catalog.serving import serving_embedder
from search.catalog_map.maps import draw_map_seldom
from search.demand.records import forget_old
from search.doctor.examination import examine
from search.engines import get_engine

# These tasks are acknowledged at once: they take longer than a broker waits before it delivers a
# message again to another worker.


@shared_task(acks_late=False, reject_on_worker_lost=False, soft_time_limit=3300, time_limit=3600)
def compact() -> None:
    """Let the engine take in what has changed; this takes minutes for a million products."""
    embedder = serving_embedder()
    get_engine().keep_up(embedder.identity, embedder.dim)


@shared_task(acks_late=False, reject_on_worker_lost=False, soft_time_limit=600, time_limit=630)
def draw_map() -> None:
    """Draw the map again if the catalog has changed, at most once an hour."""
    embedder = serving_embedder()
    draw_map_seldom(embedder.identity, embedder.dim)


@shared_task(acks_late=False, reject_on_worker_lost=False, soft_time_limit=3300, time_limit=3600)
def examine_catalog() -> None:
    """Examine the pictures of products that have changed."""
    examine(serving_embedder())


@shared_task
def forget_demand() -> None:
    """Delete the searches that the demand board has kept for long enough."""
    forget_old()
