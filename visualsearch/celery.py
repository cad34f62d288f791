"""The Celery application: `celery --app visualsearch worker --beat`."""

import logging.config
import os
from typing import Any

from celery import Celery, Task, signals
from django.conf import settings

from visualsearch.logs import REQUEST_ID

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "visualsearch.settings")

app = Celery("visualsearch")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def log_as_the_shop_does(**_: Any) -> None:
    """Use the shop's logging instead of Celery's own."""
    logging.config.dictConfig(settings.LOGGING)


@signals.before_task_publish.connect
def send_request_id(headers: dict[str, Any], **_: Any) -> None:
    """Send along the id of the request that queues the task, for the worker's log."""
    headers["request_id"] = REQUEST_ID.get()


@signals.task_prerun.connect
def take_request_id(task: Task, task_id: str, **_: Any) -> None:
    """Log under that id, or under the task's own if no request queued it."""
    if not task.request.is_eager:
        REQUEST_ID.set(task.request.get("request_id") or task_id)
