"""The Celery task that runs feeds, which a worker's beat schedules."""

import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from catalog.feeds.running import due_feeds, sync
from catalog.models import Feed, FeedRun

logger = logging.getLogger(__name__)

SECONDS_OF_REQUEST = 20.0  # a person waits


# Acknowledged at once: it takes longer than a broker waits before it delivers a message again. The
# database knows how far a run has come, and the next task goes on with it.
@shared_task(acks_late=False, reject_on_worker_lost=False, soft_time_limit=3300, time_limit=3600)
def sync_due() -> None:
    """Run the feeds that are due one after another, unless another worker is at it."""
    if FeedRun.objects.filter(ended_at=None, lease_until__gt=timezone.now()).exists():
        return
    for feed in due_feeds():
        run = sync(feed)
        if run and run.problem:
            logger.warning("The feed %s: %s", feed.name, run.problem)


def run_soon(feed: Feed) -> FeedRun | None:
    """Have a feed run at once: by a worker or, where there is none, here for a while.

    Returns the run if this process worked on it. The next periodic task, or `sync_feeds`, begins
    what no worker was told of and goes on with what took too long.
    """
    Feed.objects.filter(pk=feed.pk).update(next_run_at=timezone.now())
    if settings.CELERY_TASK_ALWAYS_EAGER:
        return sync(feed, seconds=SECONDS_OF_REQUEST)
    try:
        sync_due.delay()
    except OperationalError as error:
        logger.warning("The feed %s waits, the broker is down: %s", feed.name, error)
    return None
