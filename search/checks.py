"""System checks for the settings of the search: what is wrong, and what mends it."""

from collections.abc import Callable
from math import isfinite
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from search.api.throttles import FETCHES, SEARCHES, InvalidRate, rate_of

REDIS = ("redis://", "rediss://", "unix://")


def _search_rate() -> str:
    return _rate(SEARCHES)


def _fetch_rate() -> str:
    return _rate(FETCHES)


def _num_proxies() -> str:
    proxies = settings.NUM_PROXIES
    return "" if proxies >= 0 else f"NUM_PROXIES is {proxies}. Use 0 where there is no proxy."


def _demand_days() -> str:
    days = settings.DEMAND_DAYS
    return "" if days >= 0 else f"DEMAND_DAYS is {days}. Use 0 to keep nothing."


def _index_refresh_seconds() -> str:
    seconds = settings.INDEX_REFRESH_SECONDS
    if isfinite(seconds) and seconds >= 0:
        return ""
    return f"INDEX_REFRESH_SECONDS is {seconds:g}. Use 0 or more, such as 0.25."


def _cache_url() -> str:
    if not settings.CACHE_URL or settings.CACHE_URL.startswith(REDIS):
        return ""
    return f"CACHE_URL must begin with {', '.join(REDIS)}. Or unset it: then the cache is on disk."


def _rate(name: str) -> str:
    setting = getattr(settings, name)
    try:
        rate_of(setting)
    except InvalidRate as error:
        return f"{name} is {setting!r}. {error}"
    return ""


def _shared_counters() -> str:
    if settings.CACHE_URL or settings.DATABASE_URL.startswith("sqlite"):
        return ""
    return (
        "Each machine that shares this database counts searches for itself, and knows nothing of"
        " the photos that another was asked for. Set CACHE_URL to a Redis server for all."
    )


def _known_proxies() -> str:
    if not settings.HTTPS or settings.NUM_PROXIES:
        return ""
    return (
        "HTTPS=true says that there is a proxy, but NUM_PROXIES is 0: all shoppers count as one"
        " and share SEARCH_RATE. Set NUM_PROXIES to the number of proxies in front, mostly 1."
    )


Checks = dict[str, Callable[[], str]]

ERRORS: Checks = {
    "search.E001": _search_rate,
    "search.E002": _fetch_rate,
    "search.E003": _num_proxies,
    "search.E004": _index_refresh_seconds,
    "search.E005": _cache_url,
    "search.E008": _demand_days,
}
DEPLOY_WARNINGS: Checks = {
    "search.W001": _shared_counters,
    "search.W002": _known_proxies,
}


@register()
def check_settings(**_: Any) -> list[CheckMessage]:
    """An error for each setting of the search that can't be used."""
    return [Error(sentence, id=name) for name, look in ERRORS.items() if (sentence := look())]


@register(Tags.security, deploy=True)
def check_deployment(**_: Any) -> list[CheckMessage]:
    """A warning for what works, but not as a public site should."""
    looks = DEPLOY_WARNINGS.items()
    return [Warning(sentence, id=name) for name, look in looks if (sentence := look())]
