"""What JSON log lines contain, and what they must not."""

import json
import logging
import sys

import pytest
from django.test import RequestFactory
from django.urls import resolve

from visualsearch.logs import REQUEST_ID, ClientErrors, JSONLines

SECRET = "/api/search/7bOonluHzj9n-FQd/explain/3/"


def line(message: str, *args: object, **known: object) -> dict[str, object]:
    record = logging.getLogger("shop").makeRecord(
        "shop", logging.WARNING, __file__, 1, message, args, None, extra=known
    )
    written: dict[str, object] = json.loads(JSONLines().format(record))
    return written


def test_line_has_time_level_logger_message_and_facts() -> None:
    written = line("%s is gone", "Größe", facts={"seconds": 0.5})
    assert str(written.pop("time")).endswith("+00:00")
    assert written == {
        "level": "WARNING",
        "logger": "shop",
        "message": "Größe is gone",
        "seconds": 0.5,
    }


def test_line_says_which_request_it_is_for() -> None:
    assert "request_id" not in line("waiting")
    token = REQUEST_ID.set("abcdef-0123")
    assert line("searching")["request_id"] == "abcdef-0123"
    REQUEST_ID.reset(token)


def test_line_has_the_traceback_on_one_line() -> None:
    try:
        raise OSError(28, "No space left on device")
    except OSError:
        record = logging.makeLogRecord({"msg": "broken", "exc_info": sys.exc_info()})
    written = JSONLines().format(record)
    assert "\n" not in written
    assert "No space left" in json.loads(written)["exception"]


def test_path_of_a_request_gives_way_to_its_view() -> None:
    request = RequestFactory().get(SECRET)
    assert line("Not Found: %s", SECRET, request=request)["message"] == "Not Found: none"
    request.resolver_match = resolve(SECRET)
    assert line("Not Found: %s", SECRET, request=request)["message"] == "Not Found: api-explain"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Invalid request from ip=203.0.113.9: Invalid line '/?q=\n'", "Invalid request"),
        ("Error handling request /?query=secret", "Error handling request"),
    ],
)
def test_client_that_gunicorn_names_is_left_out(said: str, kept: str) -> None:
    assert line(said)["message"] == kept


@pytest.mark.parametrize(("status", "is_kept"), [(400, False), (413, False), (500, True)])
def test_only_our_own_errors_have_a_traceback(status: int, *, is_kept: bool) -> None:
    record = logging.makeLogRecord({"status_code": status, "exc_info": (ValueError, None, None)})
    assert ClientErrors().filter(record)
    assert bool(record.exc_info) is is_kept
