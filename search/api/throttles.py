"""How often one client may search, and have addresses fetched."""

import logging
import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import time

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, ngettext
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from search.api.counters import count
from search.queries.cache import CACHE_TROUBLE

logger = logging.getLogger(__name__)

PERIODS = {"second": 1, "min": 60, "hour": 60 * 60, "day": 24 * 60 * 60}
SEARCHES, FETCHES = "SEARCH_RATE", "FETCH_RATE"  # settings
SENTENCES = {
    SEARCHES: gettext_lazy("You have searched very often just now."),
    FETCHES: gettext_lazy("You have asked for very many addresses just now."),
}


class InvalidRate(ValueError):
    """A rate can't be read; the message says how one is written."""


class TooOften(APIException):
    """The client is to wait for so many seconds, which DRF tells it by Retry-After."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS

    def __init__(self, what: str, seconds: float) -> None:
        self.wait = ceil(seconds)
        again = ngettext(
            "Please try again in {wait} second.", "Please try again in {wait} seconds.", self.wait
        )
        super().__init__(f"{SENTENCES[what]} {again.format(wait=self.wait)}", "throttled")


@dataclass(frozen=True)
class Rate:
    """So many times in so many seconds."""

    times: int
    seconds: int


def rate_of(setting: str) -> Rate | None:
    """What "600/min" says, None where the setting is empty. Raises InvalidRate."""
    if not setting:
        return None
    times, _, period = setting.partition("/")
    if period not in PERIODS or not re.fullmatch(r"[1-9][0-9]{0,8}", times):
        raise InvalidRate(f"A rate is 1 or more per {', '.join(PERIODS)}, such as 600/min.")
    return Rate(int(times), PERIODS[period])


def throttle(request: HttpRequest | Request, what: str = SEARCHES) -> None:
    """Count one more of these for the client who asks. Raises TooOften.

    The count begins anew with each minute of the clock (or whatever the rate's period is): who
    waits for the next one may ask twice as much around the turn, and Retry-After is exact. What is
    asked again counts like what is new, as it is ranked anew.
    """
    rate = rate_of(getattr(settings, what))
    if rate is None:
        return
    now = time()
    until = (int(now) // rate.seconds + 1) * rate.seconds
    try:
        times = count(f"{what}:{client_of(request)}", until)
    except (*CACHE_TROUBLE, ValueError):  # a shop that can't count goes on serving
        logger.exception("A search could not be counted.")
        return
    if times > rate.times:
        raise TooOften(what, until - now)


def client_of(request: HttpRequest | Request) -> str:
    """Who asks, as an address; in IPv6 the network, as everybody has 2**64 addresses in one.

    X-Forwarded-For counts only as far as NUM_PROXIES proxies of ours have written it.
    """
    try:
        address = ip_address(BaseThrottle().get_ident(request))  # type: ignore[arg-type]
    except ValueError:  # no proxy of ours wrote that
        return str(request.META.get("REMOTE_ADDR", ""))
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or f"{int(address) >> 64:x}/64")
