"""System checks: can the engine be used, and if not, what fixes that?"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection

from search.engines import ENGINES


@register()
def check_engine(**_: Any) -> list[CheckMessage]:
    """search.E006: there is no such engine, or it needs another database."""
    sentence = _sentence(settings.SEARCH_ENGINE)
    return [Error(sentence, id="search.E006")] if sentence else []


@register(Tags.database)
def check_extension(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """search.E007: the database server has no pgvector. `migrate` runs this check."""
    if settings.SEARCH_ENGINE != "pgvector" or not databases or connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
        if cursor.fetchone():
            return []
    sentence = (
        "The server of DATABASE_URL has no pgvector, which SEARCH_ENGINE=pgvector needs. Install it"
        " there, on Debian: apt install postgresql-17-pgvector"
    )
    return [Error(sentence, id="search.E007")]


def _sentence(engine: str) -> str:
    if engine not in ENGINES:
        return f"There is no engine {engine!r}. SEARCH_ENGINE can be: {', '.join(ENGINES)}."
    if engine == "pgvector" and connection.vendor != "postgresql":
        return "SEARCH_ENGINE=pgvector needs PostgreSQL. Set DATABASE_URL to one, or unset it."
    return ""
