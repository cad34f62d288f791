"""Settings as people write them: what is understood, and the sentence for what is not."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from environs import ValidationError

from visualsearch.environment import (
    BASE_DIR,
    Environment,
    between,
    broker_url,
    colour,
    database,
    exact_origins,
    folder,
    hosts,
    logo,
    made_folder,
    origin_of,
    origin_regexes,
    origins,
    redis_url,
    url_prefix,
    web_address,
)

ROOT = Path(__file__).parent.parent


def refusal(parser: Any, text: str) -> str:
    """What is said about a text that can't be used."""
    with pytest.raises(ValidationError) as refused:
        parser(text)
    return str(refused.value.args[0])


@pytest.mark.parametrize(
    "text", ["", "shop.example", ".shop.example, [::1],10.0.0.7,", "localhost", "SHOP.example", "*"]
)
def test_hosts_are_understood(text: str) -> None:
    assert hosts(text) == [name.strip() for name in text.split(",") if name.strip()]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("https://shop.example", "shop.example"),
        ("shop.example:8000", "shop.example"),
        ("shop.example/visual-search", "shop.example"),
        ("https://me@shop.example:8000/a?b", "shop.example"),
        ("*.shop.example", ".shop.example"),
        ("shop.example.", "shop.example"),
        ("läden.example", "xn--lden-loa.example"),
        ("::1", "[::1]"),
        ("[::1]:8000", "[::1]"),
        ("a.example b.example", "shop.example"),
        ("a.example;b.example", "shop.example"),
        ("my_shop", "shop.example"),
        ("https://", "shop.example"),
        ("http://[", "shop.example"),
        ("'shop.example'", "shop.example"),
    ],
)
def test_host_with_more_than_its_name_is_named_with_what_was_meant(text: str, meant: str) -> None:
    said = refusal(hosts, f"fine.example, {text}")
    assert repr(text) in said
    assert f"Write {meant}" in said


def test_origins_have_a_scheme_and_a_host() -> None:
    fine = ["https://shop.example", "http://localhost:8000", "https://*.shop.example"]
    assert origins(", ".join(fine)) == fine
    for text in ("shop.example", "https://shop.example/", "ftp://shop.example", "//shop.example"):
        assert "https://shop.example" in refusal(origins, text)
    assert "https://shop.example" in refusal(origins, "*")


def test_origins_of_scripts_are_written_as_browsers_write_them() -> None:
    given = "https://shop.example:443, http://shop.example:80, https://shop.example:80"
    assert exact_origins(given) == [
        *("https://shop.example", "http://shop.example", "https://shop.example:80")
    ]
    assert "https://shop.example" in refusal(exact_origins, "https://shop.example/")
    assert "CORS_ALLOWED_ORIGIN_REGEX" in refusal(exact_origins, "https://*.shop.example")


def test_pattern_of_origins_is_for_the_whole_origin() -> None:
    (pattern,) = origin_regexes(r"https://(.+\.)?shop\.example|http://localhost:\d+")
    for origin in ("https://shop.example", "https://a.b.shop.example", "http://localhost:8000"):
        assert pattern.match(origin)
    for origin in (
        *("https://shop.example.evil.example", "https://evilshop.example", "http://shop.example"),
        *("https://shop.example:8000", "https://shop.example\n"),
    ):
        assert not pattern.match(origin)
    assert origin_regexes("") == []
    for careless in (
        "https://*.shop.example",
        r"https://(.+\.)?shop.example",
        "https://shop.[a-z]+",
    ):
        assert r"Write \. for the dots" in refusal(origin_regexes, careless)
    assert "is not a regular expression: " in refusal(origin_regexes, "https://*(")
    assert "is not a regular expression: " in refusal(origin_regexes, "a)|(b")


def test_folders_begin_at_home_or_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert (
        folder("~/shop") == folder("$HOME/shop") == folder("${HOME}/shop") == Path("/home/me/shop")
    )
    assert folder("var/x") == BASE_DIR / "var/x"
    assert folder("/srv/a folder") == Path("/srv/a folder")
    assert folder(None) is None
    assert "Write the whole path" in refusal(folder, "~nobody-of-that-name/shop")


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert made_folder(f"{tmp_path}/a/b").is_dir()
    said = refusal(made_folder, f"{tmp_path}/file/var")
    assert said == f"{tmp_path}/file/var can't be made: not a directory. Name another folder."


@pytest.mark.parametrize(
    "text", ["visual-search", "/visual-search", "visual-search/", "//visual-search//"]
)
def test_prefix_has_slashes_or_none(text: str) -> None:
    assert url_prefix(text) == "/visual-search"


def test_prefix_of_the_root_is_none() -> None:
    assert url_prefix("") == url_prefix("/") == ""
    assert url_prefix("/shop/visual-search_2.0~") == "/shop/visual-search_2.0~"


@pytest.mark.parametrize(
    "text",
    [
        *("https://shop.example/visual-search", "/visual search", "/a//b", "/..", "/a/../b", "/./"),
        *("/a?b", "/a#b", "/%2e%2e", "/a\\b", "/lÄden", "/<a>", "/a;b", "/{a}", "/a\nb"),
    ],
)
def test_prefix_that_is_no_path_is_refused(text: str) -> None:
    assert "such as /visual-search." in refusal(url_prefix, text)


def test_database_is_sqlite_or_postgres(tmp_path: Path) -> None:
    given = database("postgres://user:p%40ss@db.example:5433/shop?sslmode=require")
    assert (given["PASSWORD"], given["PORT"], given["NAME"]) == ("p@ss", 5433, "shop")
    assert given["OPTIONS"] == {"sslmode": "require"}
    assert database("postgresql:///shop")["HOST"] == ""
    assert database(f"sqlite:///{tmp_path}/a.sqlite3")["NAME"] == tmp_path / "a.sqlite3"
    assert database("sqlite:///tests/a.sqlite3")["NAME"] == BASE_DIR / "tests/a.sqlite3"
    assert "sqlite:////srv" in refusal(database, "sqlite:///nowhere/a.sqlite3")


@pytest.mark.parametrize(
    "text",
    [
        *("postgres://user:secret@host", "postgres://user:secret@host/", "mysql://u:secret@h/shop"),
        *("postgres://user:secret#1@host/shop", "postgres://user:se/cret@host/shop"),
        *("postgres://user:secret@host:port/shop", "postgres//user:secret@host/shop", "secret"),
        *("foo://u:secret@h/shop", "sqlite://", "sqlite://:memory:", "postgres://u:secret@[/shop"),
        "postgres://user:secret@host:99999/shop",
    ],
)
def test_other_databases_are_refused_without_their_password(text: str) -> None:
    said = refusal(database, text)
    assert "postgres://user:password@host/name" in said
    assert "secret" not in said


@pytest.mark.parametrize("parser", [redis_url, broker_url])
def test_addresses_of_redis_are_understood(parser: Any) -> None:
    for text in ("redis://redis:6379/1", "rediss://:p%40ss@redis", "redis://redis/"):
        assert parser(text) == text


def test_brokers_of_celery_and_sockets_of_redis_are_understood() -> None:
    assert broker_url("amqp://user:secret@rabbit:5672//") == "amqp://user:secret@rabbit:5672//"
    assert broker_url("sentinel://a:26379;sentinel://b:26379")
    assert redis_url("unix:///run/redis.sock?db=1")
    assert redis_url("") == ""


@pytest.mark.parametrize("parser", [redis_url, broker_url])
@pytest.mark.parametrize(
    "text",
    [
        *("redis:6379", "redis//secret", "foo://:secret@redis", "redis://:secret@redis:port/1"),
        *("redis://:secret@redis/shop", "http://:secret@redis", "redis://:se#cret@redis:1/1"),
        *("redis://redis/1?secret=1", "redis://redis:99999/1"),
    ],
)
def test_other_addresses_are_refused_without_their_password(parser: Any, text: str) -> None:
    said = refusal(parser, text)
    assert "redis://host:6379/1" in said
    assert "secret" not in said


def test_dotenv_is_read_as_people_write_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH", "A_RATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIXTH", "environment")
    lines = (
        *("FIRST=1", "export SECOND=two words # and a comment", "THIRD = 'a#b'", 'FOURTH="x y"'),
        *("FIFTH=", "SIXTH=file", "A_RATE=", "#SEVENTH=7", "", "AWS_TEST_KEY=key"),
    )
    (tmp_path / ".env").write_text("\r\n".join(lines), "utf-8-sig")
    monkeypatch.delenv("AWS_TEST_KEY", raising=False)
    env = Environment(tmp_path / ".env")
    assert env.int("FIRST") == 1
    assert [env.str(name, "none") for name in ("SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH")] == [
        *("two words", "a#b", "x y", "none", "environment")
    ]
    assert env.str("A_RATE", "1/min") == ""
    assert os.environ.pop("AWS_TEST_KEY") == "key"
    assert env.unknown() == []


def test_names_that_no_setting_has_are_told(tmp_path: Path) -> None:
    lines = ("ALOWED_HOSTS=a", "allowed_hosts=a", "FOO=1", "ALLOWED_HOSTS")
    (tmp_path / ".env").write_text("\n".join(lines))
    env = Environment(tmp_path / ".env")
    env.hosts("ALLOWED_HOSTS", "")
    assert env.unknown() == [
        ".env sets ALOWED_HOSTS, which visualsearch does not read. Did you mean ALLOWED_HOSTS?",
        ".env sets allowed_hosts, which visualsearch does not read. Did you mean ALLOWED_HOSTS?",
        ".env sets FOO, which visualsearch does not read.",
        ".env names ALLOWED_HOSTS without a value. Write ALLOWED_HOSTS=...",
    ]


def test_lines_that_can_not_be_read_are_told_without_what_they_have(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".env").write_text('# fine\nA_HOST=a.example\nSECRET_KEY="abc\nset it now\nB=1\n')
    env = Environment(tmp_path / ".env")
    assert env.hosts("A_HOST", "") == ["a.example"]
    assert env.int("B") == 1
    unreadable = env.unknown()
    assert [sentence.split(" can't")[0] for sentence in unreadable] == [
        *("Line 3 of .env", "Line 4 of .env")
    ]
    assert "abc" not in unreadable[0]
    assert caplog.text == ""


def test_missing_dotenv_is_as_good_as_an_empty_one(tmp_path: Path) -> None:
    assert Environment(tmp_path / ".env").unknown() == []


def test_dotenv_in_another_encoding_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET_KEY=a\n", "utf-16")
    with pytest.raises(ImproperlyConfigured, match=r"\.env is not UTF-8"):
        Environment(tmp_path / ".env")


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A_NUMBER=many\nA_HOST=http://shop.example\nFINE=1\n")
    env = Environment(tmp_path / ".env")
    env.int("A_NUMBER", 0)
    env.hosts("A_HOST", "")
    env.int("FINE", 0)
    with pytest.raises(ImproperlyConfigured) as refused:
        env.seal()
    first, *faults = str(refused.value).splitlines()
    assert first.startswith("These settings can't be used")
    assert [fault.split(":")[0].strip() for fault in faults] == ["A_NUMBER", "A_HOST"]


def test_number_or_switch_that_is_none_is_told_with_what_to_write(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SWITCH=ja\nWHOLE=30d\nSIZE=10MB\nLEVEL=loud\n")
    env = Environment(tmp_path / ".env")
    env.bool("SWITCH")
    env.int("WHOLE")
    env.float("SIZE")
    env.log_level("LEVEL")
    with pytest.raises(ImproperlyConfigured) as refused:
        env.seal()
    assert str(refused.value).splitlines()[1:] == [
        "  SWITCH: Write true or false.",
        "  WHOLE: Write a whole number in digits, without a unit.",
        "  SIZE: Write a number in digits, without a unit.",
        "  LEVEL: Write DEBUG, INFO, WARNING or ERROR.",
    ]


@pytest.mark.parametrize("text", ["4.9", "100.1", "-5", "1e9", "nan", "inf", "-inf", "5 MB"])
def test_number_beyond_its_range_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"A_SIZE={text}\n")
    env = Environment(tmp_path / ".env")
    env.float("A_SIZE", 10, validate=between(5, 100))
    with pytest.raises(ImproperlyConfigured, match=r"A_SIZE: (Use 5 to|Special|Write a number)"):
        env.seal()


WRONG = {
    "ALLOWED_HOSTS": "https://shop.example",
    "DATABASE_URL": "postgres://me:secret@host",
    "MAX_BODY_MB": "-1",
    "MAX_IMAGE_MB": "nan",
    "NUM_PROXIES": "yes",
    "DEMAND_DAYS": "-1",
    "INDEX_REFRESH_SECONDS": "inf",
    "HTTPS": "maybe",
    "LOG_LEVEL": "loud",
    "LOG_FORMAT": "xml",
    "URL_PREFIX": "https://shop.example/a",
    "VAR_DIR": "/dev/null/var",
    "CELERY_BROKER_URL": "redis",
    "SECRET_KEY": "s",
}
PROGRAMS = {
    "manage.py": ("manage.py", "check"),
    "gunicorn": ("-m", "gunicorn", "--config=python:visualsearch.gunicorn", "--bind=127.0.0.1:0"),
    "worker": ("-m", "celery", "--app=visualsearch", "worker"),
    "beat": ("-m", "celery", "--app=visualsearch", "beat"),
}


@pytest.mark.parametrize(
    ("program", "wrong"),
    [
        *((program, WRONG) for program in PROGRAMS),
        *((program, {"EMBEDDER": "resnet"}) for program in ("gunicorn", "worker")),
        ("manage.py", {"WEB_CONCURRENCY": "auto"}),
    ],
)
def test_every_program_stops_with_sentences(
    program: str, wrong: dict[str, str], tmp_path: Path
) -> None:
    environment = os.environ | {"VAR_DIR": str(tmp_path)} | wrong
    command = [sys.executable, *PROGRAMS[program]]
    stopped = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert stopped.returncode != 0
    assert "Traceback" not in stopped.stderr
    assert "secret" not in stopped.stderr
    for name in wrong.keys() - {"SECRET_KEY"}:
        assert name in stopped.stderr


def test_branding_is_an_address_a_picture_and_a_colour() -> None:
    assert web_address("https://shop.example/a?b=c") == "https://shop.example/a?b=c"
    assert logo("https://cdn.shop.example/logo.svg") == "https://cdn.shop.example/logo.svg"
    assert logo("logo.svg") == BASE_DIR / "logo.svg"
    assert (colour("#B5179E"), colour("#fa0")) == ("#b5179e", "#ffaa00")
    assert origin_of("https://bücher.example:8443/logo.svg") == (
        "https://xn--bcher-kva.example:8443"
    )


@pytest.mark.parametrize(
    ("parser", "text", "hint"),
    [
        (web_address, "shop.example", "Write it as in https://shop.example/."),
        (web_address, "javascript:alert(1)", "is not an address"),
        (web_address, "https://a;script-src *", "is not an address"),  # nothing for the policy
        (web_address, "https://shop.example:99999/", "is not an address"),
        (logo, "http://shop.example/logo.svg", "begins with https://"),
        (logo, "https://", "is not an address"),
        (colour, "green", "Write it as #rrggbb"),
        (colour, "17614a", "is not a colour"),
    ],
)
def test_other_branding_is_refused(parser: Any, text: str, hint: str) -> None:
    with pytest.raises(ValidationError, match=hint):
        parser(text)
