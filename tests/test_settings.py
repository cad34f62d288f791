"""The settings, each time read by a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETTINGS = (ROOT / "visualsearch/settings.py").read_text()
PRINT = "import visualsearch.settings as s; print(getattr(s, {name!r}))"


def value(name: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", PRINT.format(name=name)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_setting_is_explained_in_the_example() -> None:
    read = set(re.findall(r"(?:env\.\w+|names)\(\s*\"(\w+)\"", SETTINGS))
    explained = set(re.findall(r"^#([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert read == explained


@pytest.mark.parametrize("name", re.findall(r"(?:env\.str|names)\(\"(\w+)\"", SETTINGS))
def test_empty_setting_is_as_good_as_none(name: str) -> None:
    assert value("VAR_DIR", **{name: ""}).returncode == 0


def test_public_host_needs_a_secret_key() -> None:
    refused = value("SECRET_KEY", ALLOWED_HOSTS="shop.example", SECRET_KEY="")
    assert refused.returncode != 0
    assert "Set SECRET_KEY" in refused.stderr
    assert value("SECRET_KEY", ALLOWED_HOSTS="shop.example", SECRET_KEY="s").stdout == "s\n"


def test_debug_is_off_unless_asked_for() -> None:
    assert value("DEBUG").stdout == "False\n"
    assert value("DEBUG", DEBUG="1").stdout == "True\n"


def test_tasks_run_at_once_only_without_a_broker() -> None:
    assert value("CELERY_TASK_ALWAYS_EAGER", CELERY_BROKER_URL="").stdout == "True\n"
    broker = "redis://localhost:6379/0"
    assert value("CELERY_TASK_ALWAYS_EAGER", CELERY_BROKER_URL=broker).stdout == "False\n"


def test_postgres_is_chosen_by_its_address() -> None:
    url = "postgres://user:secret@db.example:5433/shop"
    assert "django.db.backends.postgresql" in value("DATABASES", DATABASE_URL=url).stdout


def test_unknown_embedder_is_named_by_the_system_check() -> None:
    checked = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=os.environ | {"EMBEDDER": "resnet"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode != 0
    assert "catalog.E001" in checked.stderr
    assert "mobilenet_v2, efficientnet_lite0" in checked.stderr
