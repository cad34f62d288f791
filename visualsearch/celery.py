"""The Celery application: `celery --app visualsearch worker --beat`."""

import logging.config
import os
import sys
from typing import Any

from celery import Celery, Task, signals
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from visualsearch.logs import REQUEST_ID
from visualsearch.startup import check_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "visualsearch.settings")

app = Celery("visualsearch")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["catalog.feeds"])


@app.on_configure.connect
def read_settings(**_: Any) -> None:
    """Stop with a sentence if a setting can't be read; Celery would show a traceback."""
    try:
        settings.INSTALLED_APPS  # noqa: B018  # reads them
    except ImproperlyConfigured as error:
        sys.exit(str(error))


@signals.import_modules.connect
def check(**_: Any) -> None:
    """Stop if a setting can't be used, before worker or beat start."""
    try:
        check_settings()
    except ImproperlyConfigured as error:
        sys.exit(str(error))


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
