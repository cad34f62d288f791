"""The settings, each time read by a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.core.management.utils import get_random_secret_key

from catalog import checks as catalog_checks
from search import checks as search_checks

ROOT = Path(__file__).parent.parent
SETTINGS_FILE = ROOT / "visualsearch/settings.py"
SETTINGS = SETTINGS_FILE.read_text()
SETTINGS_PAGE = (ROOT / "docs" / "settings.md").read_text()
FOR_BROWSERS = "DJANGO_ALLOW_ASYNC_UNSAFE"  # set by the tests that drive one
ASK = """
from wsgiref.util import setup_testing_defaults
from visualsearch.wsgi import application

paths = "/healthz", "/visual-search/healthz", "/visual-search/products/", "/products/"
for path in (*paths, "/visual-search"):
    environ = {"PATH_INFO": path, "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"}
    setup_testing_defaults(environ)
    answer = lambda status, heads: print(path, status[:3], dict(heads).get("Location"))
    list(application(environ, answer))
"""
PRINT = "import visualsearch.settings as s; print(getattr(s, {name!r}))"


def value(name: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return python(PRINT.format(name=name), **environment)


def python(program: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != FOR_BROWSERS}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_https_redirects_below_the_prefix_but_for_probes() -> None:
    environment = {"URL_PREFIX": "/visual-search", "HTTPS": "true"}
    asked = python(ASK, **environment, DJANGO_SETTINGS_MODULE="visualsearch.settings")
    assert asked.stdout.splitlines() == [
        "/healthz 200 None",
        "/visual-search/healthz 200 None",
        "/visual-search/products/ 301 https://localhost/visual-search/products/",
        "/products/ 301 https://localhost/visual-search/products/",
        "/visual-search 301 https://localhost/visual-search/",
    ]


def test_every_setting_is_explained_in_the_example_and_listed_in_the_docs() -> None:
    read = set(re.findall(r"env\.\w+\(\s*\"(\w+)\"", SETTINGS))
    explained = set(re.findall(r"^#([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M))
    tables = re.findall(r"^\| (`.*?) \|", (ROOT / "docs" / "settings.md").read_text(), re.M)
    assert read == explained == set(re.findall(r"[A-Z][A-Z0-9_]+", " ".join(tables)))


def test_empty_setting_is_as_good_as_none(tmp_path: Path) -> None:
    names = set(re.findall(r"env\.\w+\(\s*\"(\w+)\"", SETTINGS))
    empty = value("VAR_DIR", **dict.fromkeys(names, " "))
    assert (empty.stdout, empty.stderr) == (f"{ROOT / 'var'}\n", "")


def test_public_host_needs_a_secret_key() -> None:
    refused = value("SECRET_KEY", ALLOWED_HOSTS="shop.example", SECRET_KEY="")
    assert refused.returncode != 0
    assert "Set SECRET_KEY" in refused.stderr
    assert value("SECRET_KEY", ALLOWED_HOSTS="shop.example", SECRET_KEY="s").stdout == "s\n"


def test_headers_that_can_not_be_sent_are_named_without_their_values() -> None:
    refused = value("FETCH_HEADERS", FETCH_HEADERS='{"cdn.shop.example": {"Cookie": "s3cret"}}')
    assert refused.returncode != 0
    assert "FETCH_HEADERS: The header 'Cookie' can't be sent. Remove it." in refused.stderr
    assert "s3cret" not in refused.stderr
    headers = '{"cdn.shop.example": {"Referer": "https://shop.example/"}}'
    read = value("FETCH_HEADERS", FETCH_HEADERS=headers)
    assert read.stdout == headers.replace('"', "'") + "\n"


def test_fetcher_says_whom_to_ask() -> None:
    agent = value("FETCH_USER_AGENT", FETCH_CONTACT="https://shop.example/robot").stdout
    assert agent.startswith("Mozilla/5.0 (compatible; visualsearch/")
    assert agent.endswith("; +https://shop.example/robot)\n")
    assert value("FETCH_USER_AGENT", FETCH_USER_AGENT="Shop/1").stdout == "Shop/1\n"


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


def check(*options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", "check", "--fail-level=WARNING", *options],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != FOR_BROWSERS}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_unknown_embedder_is_named_by_the_system_check() -> None:
    checked = check(EMBEDDER="resnet")
    assert checked.returncode != 0
    assert "catalog.E001" in checked.stderr
    assert "mobilenet_v2, efficientnet_lite0" in checked.stderr


def test_production_as_documented_passes_the_deployment_check() -> None:
    block = SETTINGS_PAGE.split("```ini\n")[1].split("```")[0]
    production = dict(line.split("=", 1) for line in block.splitlines())
    assert production["SECRET_KEY"] == "…"
    production["SECRET_KEY"] = get_random_secret_key()
    checked = check("--deploy", **production)
    assert checked.stderr == ""
    assert checked.returncode == 0
    assert "security.W004" in check("--deploy", **production | {"HSTS_SECONDS": "0"}).stderr


def our_findings() -> list[CheckMessage]:
    return [
        *catalog_checks.check_settings(),
        *catalog_checks.check_weights(),
        *catalog_checks.check_dotenv(),
        *search_checks.check_settings(),
        *search_checks.check_public_site(),
        *search_checks.check_deployment(),
    ]


POSTGRES, SQLITE = "postgres://user:secret@db.example/shop", "sqlite:///shop.sqlite3"
NO_FILE = Path("/nowhere/weights.h5")


@pytest.mark.parametrize(
    ("name", "setting", "wrong", "mended", "hint"),
    [
        ("catalog.E001", "EMBEDDER", "resnet", "mobilenet_v2", "It can be: mobilenet_v2, "),
        *(
            ("catalog.E002", "FETCH_ALLOWED_HOSTS", [wrong], mended, f"has {wrong!r}. Write hosts")
            for wrong, mended in (
                ("http://images.shop.lan", ["images.shop.lan"]),
                ("images.shop.lan/photos", ["Images.shop.lan:8080", "10.0.0.7"]),
                ("*.shop.lan", ["a.shop.lan", "b.shop.lan"]),
                ("fd00::7", ["[fd00::7]", "[fd00::7]:8080"]),
                ("shop lan", ["shop-lan", "shop_lan"]),
                ("shop.lan:", ["shop.lan:80"]),
            )
        ),
        ("catalog.E003", "DEFAULT_CURRENCY", "euro", "EUR", "Use three capitals, such as EUR."),
        ("catalog.E003", "DEFAULT_CURRENCY", "€", "USD", "Use three capitals, such as EUR."),
        (
            "catalog.E004",
            "MEDIA_ROOT",
            ROOT / "README.md",
            ROOT,
            "README.md, where this user can't write",
        ),
        ("catalog.E011", "MODEL_DIR", ROOT / "README.md", ROOT, "which is not a folder"),
        ("catalog.E004", "VAR_DIR", SETTINGS_FILE, ROOT, "VAR_DIR is "),
        ("catalog.E007", "HEIF", True, False, "Run: pip install pillow-heif"),
        ("catalog.E008", "MEDIA_STORAGE", "shop", "s3://shop-pictures", "Use s3://bucket"),
        ("catalog.E009", "FETCH_USER_AGENT", "Shop\r\nX: y", "Shop/1", "must be printable ASCII"),
        ("catalog.E009", "FETCH_USER_AGENT", "Bücher", "Shop/1 (+mail@shop)", "FETCH_CONTACT must"),
        ("catalog.W001", "MOBILENET_V2_WEIGHTS", NO_FILE, None, "there is no file. Correct or"),
        ("search.E001", "SEARCH_RATE", "often", "600/min", "SEARCH_RATE is 'often'. A rate is"),
        ("search.E002", "FETCH_RATE", "1/week", "", "FETCH_RATE is '1/week'. A rate is"),
        ("catalog.W002", "DOTENV_WARNINGS", [".env sets A."], [], ".env sets A."),
        ("search.W001", "DATABASE_URL", POSTGRES, SQLITE, "Set CACHE_URL to a Redis server"),
        ("search.W003", "ALLOWED_HOSTS", ["*"], ["shop.example"], "Name your hosts."),
        ("search.W004", "SECRET_KEY", "s", "s" * 32, "SECRET_KEY is too short (1)"),
        ("search.W002", "HTTPS", True, False, "Set NUM_PROXIES to the number of proxies"),
    ],
)
def test_wrong_setting_is_named_with_what_mends_it(
    name: str,
    setting: str,
    wrong: object,
    mended: object,
    hint: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as where it is not installed
    setattr(settings, setting, wrong)
    findings = [found for found in our_findings() if found.id == name]
    assert len(findings) == 1
    assert hint in findings[0].msg
    setattr(settings, setting, mended)
    assert name not in {found.id for found in our_findings()}
