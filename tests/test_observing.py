"""The ids of requests, and their log lines."""

import logging

import pytest
from django.test import Client

from visualsearch import observing
from visualsearch.logs import REQUEST_ID


def test_answer_has_the_id_that_was_sent(client: Client) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": "abcdef-0123"})
    assert response["X-Request-ID"] == "abcdef-0123"


def test_answer_has_an_id_of_its_own_for_each_request_without(client: Client) -> None:
    ids = {client.get("/healthz")["X-Request-ID"] for _ in range(3)}
    assert {len(one) for one in ids} == {32}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "odd", ["", "short", "x" * 65, '{"level": "ERROR"}', "abcdefgh\n", "größe-größe"]
)
def test_odd_id_is_replaced(client: Client, odd: str) -> None:
    given = client.get("/healthz", headers={"X-Request-ID": odd})["X-Request-ID"]
    assert given != odd
    assert len(given) == 32


def test_id_is_that_of_all_log_lines_of_the_request(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ids = []

    class Reader(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            ids.append(REQUEST_ID.get())

    handler = Reader()
    logger = logging.getLogger(observing.__name__)
    logger.addHandler(handler)
    with caplog.at_level(logging.INFO, observing.__name__):
        client.get("/healthz", headers={"X-Request-ID": "abcdef-0123"})
    logger.removeHandler(handler)
    assert ids == ["abcdef-0123"]
    assert REQUEST_ID.get() == ""


def test_request_is_logged_by_its_view(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, observing.__name__):
        client.post("/healthz?secret")
    record = caplog.records[-1]
    facts = record.facts  # type: ignore[attr-defined]
    assert record.getMessage() == "healthz was answered 405"
    assert 0 < facts.pop("seconds") < 60
    assert facts == {"view": "healthz", "status": 405}
