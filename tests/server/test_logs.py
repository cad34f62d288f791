"""What a shop logs of its shoppers as JSON: every request, and nothing of who they are."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import jpeg
from tests.server.servers import FORM, HEAD, Gunicorn
from tests.waiting import PATIENCE
from visualsearch.logins import MAX_BY_NAME_AND_ADDRESS

ID = "7f3a9c2e-request"
VISITOR = "203.0.113.77"
# What a shopper sends, none of which may be found again.
PRIVATE = (VISITOR, "holiday", "topsecret", "192.0.2.1", "127.0.0.1", "grandma")


@pytest.fixture(scope="module")
def lines(environment: dict[str, str], folder: Path) -> list[dict[str, Any]]:
    """What is logged of a visit during which much goes wrong."""
    server = Gunicorn(
        environment | {"LOG_FORMAT": "json", "NUM_PROXIES": "1"}, folder / "visit.log"
    )
    start = server.log.stat().st_size
    headers = {"X-Forwarded-For": VISITOR, "X-Request-ID": ID, "User-Agent": "grandma's phone"}
    search = f"{server.base}/api/search/"
    with requests.Session() as visitor:
        visitor.headers.update(headers)
        photo = {"file": ("holiday.jpg", jpeg(1), "image/jpeg")}
        found = visitor.post(search, files=photo, timeout=PATIENCE)
        query = found.json()["query"]["id"]
        visitor.post(search, files={"file": ("holiday.gif", b"grandma")}, timeout=PATIENCE)
        for url in (
            "http://192.0.2.1/topsecret.jpg",
            "http://127.0.0.1/topsecret.jpg",
            "topsecret",
        ):
            visitor.post(search, data={"image_url": url}, timeout=PATIENCE)
        for path in (f"/?query={query}&crop=topsecret", "/topsecret/", "/media/topsecret.jpg"):
            visitor.get(f"{server.base}{path}", timeout=PATIENCE)
        for product in (1, 999):
            visitor.get(f"{search}{query}/explain/{product}/", timeout=PATIENCE)
        login = f"{server.base}/admin/login/?next=topsecret"
        visitor.post(login, timeout=PATIENCE)
        visitor.get(login, timeout=PATIENCE)
        fields = {"username": "topsecret", "password": "topsecret"}
        fields["csrfmiddlewaretoken"] = visitor.cookies["csrftoken"]
        for _ in range(MAX_BY_NAME_AND_ADDRESS):
            visitor.post(login, fields, timeout=PATIENCE)
    server.say(f"{HEAD}{FORM}X-Forwarded-For: {VISITOR}\r\nContent-Length: x\r\n\r\n")
    server.say(f"topsecret {VISITOR}\r\n\r\n")
    server.stop()
    said = server.log.read_text()[start:]
    assert said.count("\n") > 10
    for private in (*PRIVATE, query):
        assert private not in said, said
    return [json.loads(line) for line in said.splitlines()]


def test_each_line_is_json_with_time_level_logger_and_message(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        assert {"time", "level", "logger", "message"} <= line.keys()


def test_each_request_has_a_line_with_its_id_view_and_status(lines: list[dict[str, Any]]) -> None:
    visit = [line for line in lines if "view" in line and line["request_id"] == ID]
    told = [(line["view"], line["status"]) for line in visit]
    assert told.count(("api-search", 200)) == 1
    assert told.count(("api-search", 400)) == 4
    assert {("search", 400), ("none", 404), ("media", 404), ("admin:login", 403)} <= set(told)
    assert {("admin:login", 200), ("admin:login", 429)} <= set(told)
    assert {("api-explain", 200), ("api-explain", 404)} <= set(told)


def test_request_that_is_none_is_told_without_its_sender(lines: list[dict[str, Any]]) -> None:
    assert "Invalid request" in {line["message"] for line in lines}
