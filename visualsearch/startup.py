"""Refuses to serve with settings that can't be used.

Commands of `manage.py` run the system checks by themselves; gunicorn and Celery do not.
"""

import logging

from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

logger = logging.getLogger(__name__)


def check_settings() -> None:
    """Run the system checks and log their warnings. Raises ImproperlyConfigured with the errors."""
    found = [message for message in run_checks() if not message.is_silenced()]
    errors = [message for message in found if message.is_serious()]
    for message in found:
        if message not in errors:
            logger.warning("%s (%s)", message.msg, message.id)
    if errors:
        raise ImproperlyConfigured("\n".join(f"{error.msg} ({error.id})" for error in errors))
