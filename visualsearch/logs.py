"""Log lines as JSON, each with the id of the request or task it belongs to.

They identify nobody and no search: no client's address, no path, no query, no file name.
"""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

ACCEPTED_ID = re.compile(r"[\w-]{8,64}", re.ASCII)  # of ids that clients send
# In these messages of gunicorn's, the client's address or the requested path follows.
REVEALING = re.compile(r"(Invalid request|Error handling request)\b.*", re.DOTALL)

_request_id: ContextVar[str] = ContextVar("request_id", default="")


@contextmanager
def identified(given: str) -> Iterator[str]:
    """Log everything inside the block under this id, or under a new one if it is not acceptable."""
    request_id = given if ACCEPTED_ID.fullmatch(given) else uuid4().hex
    token = _request_id.set(request_id)
    try:
        yield request_id
    finally:
        _request_id.reset(token)


def adopt(request_id: str) -> None:
    """Log under this id from now on."""
    _request_id.set(request_id)


def request_id() -> str:
    """The id of the current request or task, "" outside of any."""
    return _request_id.get()


def view_of(request: Any) -> str:
    """The name of the view that answers, "none" if no view was reached."""
    match = getattr(request, "resolver_match", None)
    return match.view_name if match else "none"


class JSONLines(logging.Formatter):
    """Formats a record as a JSON object: time, level, logger and message.

    Where known, `request_id`, `exception` and the record's `facts` are added.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = REVEALING.sub(r"\1", record.getMessage())
        if request := getattr(record, "request", None):  # Django logs the path of the request
            message = message.replace(request.path, view_of(request))
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        if request_id():
            line["request_id"] = request_id()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, "facts", {}), ensure_ascii=False)
