"""System checks for the settings of the search: what is wrong, and how to fix it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection

from search.api.throttles import InvalidRate, rate_of
from search.branding.accent import LIGHT, TEXT, accent_of, contrast_of
from search.branding.logo import InvalidLogo, read_logo
from search.engines import ENGINES


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """An error for each setting of the search that can't be used."""
    found: dict[str, str] = {}  # sentences by id
    for number, name in (("search.E001", "SEARCH_RATE"), ("search.E002", "FETCH_RATE")):
        rate = getattr(settings, name)
        try:
            rate_of(rate)
        except InvalidRate as error:
            found[number] = f"{name} is {rate!r}. {error}"
    engine = settings.SEARCH_ENGINE
    if engine not in ENGINES:
        found["search.E006"] = (
            f"There is no engine {engine!r}. SEARCH_ENGINE can be: {', '.join(ENGINES)}."
        )
    elif engine == "pgvector" and connection.vendor != "postgresql":
        found["search.E006"] = (
            "SEARCH_ENGINE=pgvector needs PostgreSQL. Set DATABASE_URL to one, or unset it."
        )
    return [Error(sentence, id=number) for number, sentence in found.items()]


@register()
def check_branding(**_: Any) -> list[CheckMessage]:
    """A warning for a logo or an accent colour that pages do not show as it is."""
    found: list[CheckMessage] = []
    if isinstance(settings.SHOP_LOGO, Path):
        try:
            read_logo(settings.SHOP_LOGO)
        except InvalidLogo as error:
            sentence = (
                f"SHOP_LOGO is {settings.SHOP_LOGO}, which pages can't show: {error}. Correct the"
                " file, or name another. Until then they show the name alone."
            )
            found.append(Warning(sentence, id="search.W005"))
    if (colour := settings.SHOP_ACCENT) and (ratio := contrast_of(colour, LIGHT)) < TEXT:
        shade = accent_of(colour).light.accent
        sentence = (
            f"SHOP_ACCENT is {colour}, whose contrast with light pages is {ratio:.2f}:1, and text"
            f" needs {TEXT}:1. Pages use {shade} instead, the nearest shade with enough."
            " Set this one, or another dark one."
        )
        found.append(Warning(sentence, id="search.W006"))
    return found


@register(Tags.security)
def check_public_site(**_: Any) -> list[CheckMessage]:
    """A warning for each setting with which others could pass for this site or for its staff."""
    found: list[CheckMessage] = []
    if "*" in settings.ALLOWED_HOSTS:
        sentence = (
            "ALLOWED_HOSTS has *, so whoever sends a request chooses the host of the links in its"
            " answer. Name your hosts."
        )
        found.append(Warning(sentence, id="search.W003"))
    length = len(settings.SECRET_KEY)
    if length < 32 and settings.ALLOWED_HOSTS != settings.LOCAL_HOSTS:
        sentence = (
            f"SECRET_KEY is too short ({length}): it can be guessed, and sessions can be forged."
            " Use 50 or more, which this prints:"
            " python -c 'import secrets; print(secrets.token_urlsafe(40))'"
        )
        found.append(Warning(sentence, id="search.W004"))
    return found


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


@register(Tags.security, deploy=True)
def check_deployment(**_: Any) -> list[CheckMessage]:
    """A warning for each setting that works, but not as a public site needs it."""
    found: list[CheckMessage] = []
    if not settings.CACHE_URL and not settings.DATABASE_URL.startswith("sqlite"):
        found.append(
            Warning(
                "Each machine that shares this database counts searches for itself, and knows"
                " nothing of the photos that another machine was given. Set CACHE_URL to a Redis"
                " server for all of them.",
                id="search.W001",
            )
        )
    if settings.HTTPS and not settings.NUM_PROXIES:
        found.append(
            Warning(
                "HTTPS=true says that there is a proxy, but NUM_PROXIES is 0: all shoppers count"
                " as one and share SEARCH_RATE. Set NUM_PROXIES to the number of proxies in front,"
                " usually 1.",
                id="search.W002",
            )
        )
    return found
