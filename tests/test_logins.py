"""Failed logins have limits, and few passwords are checked at a time."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from visualsearch.logins import (
    MAX_BY_ADDRESS,
    MAX_BY_NAME,
    MAX_BY_NAME_AND_ADDRESS,
    OneAtATime,
    TooManyChecks,
    sender_of,
)

pytestmark = pytest.mark.django_db
HOME, CAFE = "203.0.113.7", "198.51.100.1"
WRONG = "wrong"


@pytest.fixture(autouse=True)
def owner() -> User:
    return User.objects.create_superuser("owner", password="correct horse")


def log_in(
    name: str = "owner", password: str = WRONG, *, at: str = CAFE, **options: Any
) -> HttpResponse:
    fields = {"username": name, "password": password}
    return Client().post("/admin/login/?next=/admin/", fields, REMOTE_ADDR=at, **options)


def succeeds(**options: Any) -> bool:
    return log_in(password="correct horse", **options).status_code == 302


def test_is_refused_after_some_failures_with_one_name_and_address() -> None:
    statuses = [log_in().status_code for _ in range(MAX_BY_NAME_AND_ADDRESS)]
    assert statuses == [200] * (MAX_BY_NAME_AND_ADDRESS - 1) + [429]
    refused = log_in(password="correct horse")
    assert refused.status_code == 429
    assert "Too many logins have failed. Try again in 15 minutes." in refused.content.decode()
    assert refused["Retry-After"] == "900"
    assert succeeds(at=HOME), "elsewhere"


def test_is_refused_after_more_failures_with_any_names() -> None:
    statuses = [log_in(f"user-{number}").status_code for number in range(MAX_BY_ADDRESS)]
    assert (statuses[-2:], succeeds(), succeeds(at=HOME)) == ([200, 429], False, True)


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8:0:7::1", "2001:db8:0:7:9::2"), ("::ffff:203.0.113.7", "203.0.113.7")],
)
def test_counts_addresses_of_one_client_together(one: str, other: str) -> None:
    for _ in range(MAX_BY_NAME_AND_ADDRESS):
        log_in(at=one)
    assert not succeeds(at=other)
    assert succeeds(at="2001:db8:0:8::1")


def test_forged_address_does_not_renew_the_limit() -> None:
    for number in range(MAX_BY_NAME_AND_ADDRESS):
        log_in(HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    assert not succeeds(HTTP_X_FORWARDED_FOR=HOME)


def test_browser_of_another_name_does_not_renew_the_limit() -> None:
    for number in range(MAX_BY_NAME_AND_ADDRESS):
        log_in(HTTP_USER_AGENT=f"browser {number}")
    assert not succeeds(HTTP_USER_AGENT="another")


def test_strangers_do_not_lock_the_owner_out_where_they_have_logged_in_before() -> None:
    assert succeeds(at=HOME)
    for number in range(MAX_BY_NAME):
        log_in(at=f"198.51.100.{number}")
    assert (succeeds(at="192.0.2.1"), succeeds(at=HOME)) == (False, True)


def test_may_be_tried_again_after_a_quarter_of_an_hour() -> None:
    for _ in range(MAX_BY_NAME_AND_ADDRESS):
        log_in()
    assert not succeeds()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert succeeds()


def test_refused_logins_do_not_prolong_the_pause() -> None:
    for _ in range(MAX_BY_NAME_AND_ADDRESS):
        log_in()
    before = AccessAttempt.objects.values_list("attempt_time", "failures_since_start").get()
    log_in()
    assert AccessAttempt.objects.values_list("attempt_time", "failures_since_start").get() == before


def test_login_of_ones_own_forgets_ones_own_failures_only() -> None:
    User.objects.create_user("clerk", password="clerk's own", is_staff=True)
    for _ in range(MAX_BY_NAME_AND_ADDRESS - 1):
        log_in()
        log_in("clerk")
    assert log_in("clerk", "clerk's own").status_code == 302
    assert log_in("clerk").status_code == 200
    assert log_in().status_code == 429


def test_old_failures_and_old_logins_are_deleted() -> None:
    log_in("somebody")
    assert succeeds()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    AccessLog.objects.update(attempt_time=timezone.now() - timedelta(days=31))
    assert succeeds(at=HOME)
    assert AccessAttempt.objects.count() == 0
    assert [log.ip_address for log in AccessLog.objects.all()] == [HOME]


@pytest.mark.parametrize("name", ["x" * 10_000, "\N{GRINNING FACE}" * 300, "\0", "a\0b", ""])
def test_odd_names_fail_like_others(name: str) -> None:
    assert [log_in(name).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("address", ["", "unix:", "203.0.113.7:80", "fe80::1%eth0"])
def test_odd_addresses_are_counted_too(address: str) -> None:
    for _ in range(MAX_BY_NAME_AND_ADDRESS):
        log_in(at=address)
    assert not succeeds(at=address)
    assert succeeds(at=HOME)


def test_passwords_are_not_kept() -> None:
    log_in(password="nearly right")
    assert "nearly right" not in str(AccessAttempt.objects.values().get())


def test_session_and_token_go_on_while_logins_are_refused(owner: User) -> None:
    client = Client(REMOTE_ADDR=CAFE)
    client.force_login(owner)
    for _ in range(MAX_BY_NAME_AND_ADDRESS):
        log_in()
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/login/").status_code == 302
    assert Client().get("/admin/login/", REMOTE_ADDR=CAFE).status_code == 200


def test_command_ends_a_pause(capsys: Any) -> None:
    for _ in range(MAX_BY_NAME_AND_ADDRESS):
        log_in()
    call_command("axes_reset_username", "owner")
    assert succeeds()


@pytest.mark.parametrize(
    ("method", "path", "sender"),
    [
        ("POST", "/admin/login/", "logins"),
        ("POST", "/visual-search/admin/login/", "logins"),
        ("GET", "/admin/login/", HOME),
        ("POST", "/api/search/", HOME),
    ],
)
def test_logins_from_all_addresses_count_as_those_of_one_client(
    method: str, path: str, sender: str
) -> None:
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "REMOTE_ADDR": HOME}
    assert sender_of(environ) == sender


def test_hashes_are_those_of_django() -> None:
    theirs = PBKDF2PasswordHasher().encode("password", "salt", 10)
    assert OneAtATime().verify("password", theirs)
    assert not OneAtATime().verify("passwort", theirs)
    assert OneAtATime().encode("password", "salt", 10) == theirs


def test_unchecked_password_is_answered_with_a_sentence(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["tests.test_logins.Occupied"]
    response = log_in("nobody")
    assert response.status_code == 429
    assert "Very many people are logging in just now." in response.content.decode()
    assert response["Retry-After"] == "5"
    assert AccessAttempt.objects.count() == 0


class Occupied(OneAtATime):
    """A hasher whose places are taken."""

    def encode(self, *_: object) -> str:
        raise TooManyChecks
