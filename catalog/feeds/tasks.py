"""The Celery task that runs feeds; a worker's beat schedules it."""

import logging

from celery import shared_task
from django.utils import timezone

from catalog.feeds.running import due_feeds, sync
from catalog.models import FeedRun

logger = logging.getLogger(__name__)


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
