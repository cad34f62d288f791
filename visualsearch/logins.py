"""Protects logins: limits failed ones with django-axes, and how many passwords are checked at once.

A password's hash takes a third of a second of a core on purpose, so a few dozen guesses at the same
time would leave no core and no thread to shoppers.
"""

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from threading import Lock
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext, ngettext
from rest_framework import status

from catalog.api.errors import trouble
from search.api.throttles import client_at, client_of

# Failed logins within AXES_COOLOFF_TIME, after which further ones are refused for that time.
MAX_BY_NAME_AND_ADDRESS = 5
MAX_BY_ADDRESS = 20  # an office shares one
MAX_BY_NAME = 50  # from any addresses
MAX_NAME = 255  # letters; Django's form lets longer names pass
KNOWN_FOR = timedelta(days=30)  # an address from which a user has logged in

LOGIN = "/admin/login/"
PATIENCE = 5  # seconds that a thread waits for its check
AGAIN = 5  # seconds after which a refused client should try again

_checking = Lock()


class LoginRefused(Exception):
    """The password was not checked; the message is a sentence for whoever sent it."""

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence)
        self.seconds = int(seconds)  # for Retry-After


class TooManyChecks(LoginRefused):
    """Other checks take too long."""

    def __init__(self) -> None:
        sentence = gettext("Very many people are logging in just now. Try again in a few seconds.")
        super().__init__(sentence, AGAIN)


class TooManyFailures(LoginRefused):
    """A limit is reached."""

    def __init__(self) -> None:
        seconds = settings.AXES_COOLOFF_TIME.total_seconds()
        minutes = max(1, round(seconds / 60))
        sentence = ngettext(
            "Too many logins have failed. Try again in %(number)s minute.",
            "Too many logins have failed. Try again in %(number)s minutes.",
            minutes,
        )
        super().__init__(sentence % {"number": minutes}, seconds)


class OneAtATime(PBKDF2PasswordHasher):
    """Django's own hashes, of which a process computes one at a time. Raises TooManyChecks."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """The hash of a password. `verify` calls this, too."""
        if not _checking.acquire(timeout=PATIENCE):
            raise TooManyChecks
        try:
            return super().encode(password, salt, iterations)
        finally:
            _checking.release()


class LoginLimits(AxesDatabaseHandler):  # type: ignore[misc]
    """Limits failed logins by user name and address, by address, and by user name.

    A stranger can use up the limit of a user name. So that does not count for an address from which
    this user has logged in before: the shop's owner can log in there while others guess.
    """

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """How many of the limits are reached; AXES_FAILURE_LIMIT is 1."""
        name, address = name_of(request, credentials), request.axes_ip_address
        recent = AccessAttempt.objects.filter(attempt_time__gte=get_cool_off_threshold(request))
        limits = {
            "both": (MAX_BY_NAME_AND_ADDRESS, Q(username=name, ip_address=address)),
            "address": (MAX_BY_ADDRESS, Q(ip_address=address)),
        }
        if not AccessLog.objects.filter(username=name, ip_address=address).exists():
            limits["name"] = (MAX_BY_NAME, Q(username=name))
        sums = {key: Sum("failures_since_start", filter=rows) for key, (_, rows) in limits.items()}
        failures = recent.aggregate(**sums)
        return sum((failures[key] or 0) >= most for key, (most, _) in limits.items())

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **options: Any
    ) -> None:
        """Count the failure. Raises TooManyFailures, so that no page is made in vain."""
        if not (request and request.axes_locked_out):  # else it was refused unchecked
            super().user_login_failed(sender, credentials, request, **options)
        if request and request.axes_locked_out:
            raise TooManyFailures

    def reset_user_attempts(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        """After a login, forget this user's failures at this address.

        Those of others stay, so that nobody can guess their passwords between logins of their own.
        """
        name, address = name_of(request, credentials), request.axes_ip_address
        rows = AccessAttempt.objects.filter(username=name, ip_address=address)
        return int(rows.delete()[0])

    def user_logged_in(self, sender: Any, request: Any, user: Any, **options: Any) -> None:
        """Remember from where this user has logged in, and forget old logins."""
        super().user_logged_in(sender, request, user, **options)
        AccessLog.objects.filter(attempt_time__lt=timezone.now() - KNOWN_FOR).delete()


class LoginMiddleware(MiddlewareMixin):
    """Answers refused logins with status 429 and a sentence."""

    async_capable = False

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The answer to LoginRefused; Django handles all other errors."""
        if not isinstance(error, LoginRefused):
            return None
        response = trouble(request, str(error), status=status.HTTP_429_TOO_MANY_REQUESTS)
        response["Retry-After"] = str(error.seconds)
        return response


def sender_of(environ: Mapping[str, Any]) -> str:
    """Whom a request counts for: its client, but all logins together count as one.

    So guesses from many addresses leave threads to shoppers.
    """
    if environ.get("REQUEST_METHOD") == "POST" and environ.get("PATH_INFO", "").endswith(LOGIN):
        return "logins"
    return client_at(environ)


def address_of(request: HttpRequest) -> str | None:
    """The client's address; in IPv6 that of its network. None if it has no address."""
    try:
        return str(ip_address(client_of(request).partition("/")[0]))
    except ValueError:  # a client of a Unix socket
        return None


def name_of(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The user name that was given, as much of it as the table of failures can hold."""
    return str((credentials or {}).get("username"))[:MAX_NAME]
