"""Log lines as JSON, each with the id of the request or task it belongs to.

They identify nobody and no search: no client's address, no path, no query, no file name.
"""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

# The id of the current request or task, "" outside of any.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
# After these words, gunicorn's messages have the client's address or the requested path.
REVEALING = re.compile(r"(Invalid request|Error handling request)\b.*", re.DOTALL)


class ClientErrors(logging.Filter):
    """Takes the traceback from Django's lines about requests that were the client's error."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = None
        return True


class JSONLines(logging.Formatter):
    """Formats a record as a JSON object: time, level, logger and message.

    Where known, `request_id`, `exception` and the record's `facts` are added.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = REVEALING.sub(r"\1", record.getMessage())
        if request := getattr(record, "request", None):  # Django logs the path of the request
            match = getattr(request, "resolver_match", None)
            message = message.replace(request.path, match.view_name if match else "none")
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, "facts", {}), ensure_ascii=False)
