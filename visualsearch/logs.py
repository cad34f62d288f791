"""What the shop logs, and which request or task it belongs to.

As JSON it tells nothing of who asked or what for: no address, no path, no search, no file's name.
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

SANE = re.compile(r"[\w-]{8,64}", re.ASCII)  # of an id that somebody else gave
# gunicorn goes on with the client's address, or with the address that was asked for.
TALKATIVE = re.compile(r"(Invalid request|Error handling request)\b.*", re.DOTALL)

_request_id: ContextVar[str] = ContextVar("request_id", default="")


@contextmanager
def identified(given: str) -> Iterator[str]:
    """Log under this id all that happens inside the block, or under a new one if it is odd."""
    request_id = given if SANE.fullmatch(given) else uuid4().hex
    token = _request_id.set(request_id)
    try:
        yield request_id
    finally:
        _request_id.reset(token)


def adopt(request_id: str) -> None:
    """Log under this id from now on."""
    _request_id.set(request_id)


def request_id() -> str:
    """The id of the request or task that this is done for, "" outside of any."""
    return _request_id.get()


def view_of(request: Any) -> str:
    """The name of the view that answers, "none" for what Django's views did not get."""
    match = getattr(request, "resolver_match", None)
    return match.view_name if match else "none"


class JSONLines(logging.Formatter):
    """A JSON object for each record: time, level, logger, message, and what else is known.

    That is `request_id`, `exception`, and what the record has as `facts`.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _discreet(record),
        }
        if request_id():
            line["request_id"] = request_id()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, "facts", {}), ensure_ascii=False)


def _discreet(record: logging.LogRecord) -> str:
    """The message; Django puts the path of the request in, which may hold a search."""
    message = TALKATIVE.sub(r"\1", record.getMessage())
    request = getattr(record, "request", None)
    return message.replace(request.path, view_of(request)) if request else message
