from typing import Any

from django.core.checks import run_checks
from django.db import connection


def messages(**options: Any) -> dict[str, str]:
    return {message.id: message.msg for message in run_checks(**options) if message.id}


def test_numpy_needs_nothing(settings: Any) -> None:
    assert not {"search.E006", "search.E007"} & messages().keys()


def test_refuses_an_engine_that_is_not_there(settings: Any) -> None:
    settings.SEARCH_ENGINE = "faiss"
    assert messages()["search.E006"] == (
        "There is no engine 'faiss'. SEARCH_ENGINE can be: numpy, pgvector."
    )


def test_pgvector_needs_postgresql(settings: Any) -> None:
    settings.SEARCH_ENGINE = "pgvector"
    said = messages().get("search.E006", "")
    assert ("Set DATABASE_URL" in said) == (connection.vendor != "postgresql")


def test_pgvector_is_asked_of_the_server_by_migrate(db: None, settings: Any) -> None:
    settings.SEARCH_ENGINE = "pgvector"
    assert "search.E007" not in messages(databases=["default"])
