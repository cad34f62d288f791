"""The files in docs/deploy and compose.yaml, as far as they can be held without the machines."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from prometheus_client import REGISTRY

from tests.conftest import MakeProduct, Picture
from tests.tools import SYSTEMD
from visualsearch import settings as shop
from visualsearch.prometheus import Shop

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "docs" / "deploy"
DASHBOARD = DEPLOY / "grafana" / "visualsearch.json"
REDIS = ("CELERY_BROKER", "CACHE")
UNITS = sorted((DEPLOY / "systemd").iterdir())
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


@pytest.fixture
def series(make_product: MakeProduct, picture: Picture, client: Client) -> dict[str, set[str]]:
    """The names of all that /metrics gives, by what they are about."""
    make_product(image=picture(1))
    client.get("/metrics")  # which loads all that counts
    return {
        family.name: {f"{family.name}{suffix}" for suffix in SUFFIXES[family.type]}
        for family in (*REGISTRY.collect(), *Shop().collect())
        if family.name.startswith("visualsearch_")
    }


def expressions() -> dict[str, str]:
    """What the dashboard and the alerts ask, by panel or alert."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in panels
        for target in panel["targets"]
    }
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return asked | {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def test_dashboard_and_alerts_ask_for_all_that_metrics_gives_and_no_more(
    series: dict[str, set[str]],
) -> None:
    asked = set(re.findall(r"visualsearch_\w+", " ".join(expressions().values())))
    assert asked <= set().union(*series.values())
    for names in series.values():
        assert asked & names


def test_dashboard_has_a_place_for_each_panel() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (column, row)
        for place in (panel["gridPos"] for panel in panels)
        for column in range(place["x"], place["x"] + place["w"])
        for row in range(place["y"], place["y"] + place["h"])
    ]
    assert max(column for column, _ in cells) < 24
    assert len(set(cells)) == len(cells), "two panels overlap"


def test_units_are_understood_by_systemd(tmp_path: Path) -> None:
    for unit in UNITS:  # it wants to see the programs they start
        text = re.sub(r"/opt/visualsearch/.venv/bin/\w+", "/usr/bin/env", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    command = [SYSTEMD.path(), "verify", *map(str, tmp_path.iterdir())]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (checked.returncode, checked.stderr) == (0, "")


def test_units_are_the_parts_of_the_target() -> None:
    target = (DEPLOY / "systemd" / "visualsearch.target").read_text()
    wanted = set(re.findall(r"visualsearch-\w+\.service", target))
    assert wanted == {unit.name for unit in UNITS if unit.suffix == ".service"}


def test_compose_has_each_part_of_the_shop() -> None:
    parts = {"migrate", "nginx", "web", "worker", "beat", "broker", "cache", "postgres"}
    assert SERVICES.keys() == parts
    assert SERVICES["postgres"]["image"].startswith("pgvector/pgvector:")
    for name in ("web", "worker", "beat"):
        needs = SERVICES[name]["depends_on"]
        assert needs["migrate"]["condition"] == "service_completed_successfully"
        assert {"postgres", "broker", "cache"} <= needs.keys()
    assert {name for name in parts if "ports" in SERVICES[name]} == {"nginx"}


def test_compose_bounds_the_cache_and_keeps_it_apart_from_the_broker() -> None:
    environment = SERVICES["web"]["environment"]
    hosts = [re.sub(r"\w+://(\w+).*", r"\1", environment[f"{name}_URL"]) for name in REDIS]
    assert hosts == ["broker", "cache"]
    (megabytes,) = re.findall(r"--maxmemory (\d+)mb", SERVICES["cache"]["command"])
    assert int(megabytes) >= shop.KEPT_PHOTOS_MB + 100
    assert "command" not in SERVICES["broker"], "a broker must not evict"


def test_compose_takes_settings_from_dotenv_and_keeps_to_its_folders() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for name in ("migrate", "web", "worker", "beat"):
        assert SERVICES[name]["env_file"] == ".env"
        environment = SERVICES[name]["environment"]
        for folder in ("VAR_DIR", "MODEL_DIR"):
            assert f"{folder}={environment[folder]} " in dockerfile


def test_compose_names_only_settings_and_hosts_that_there_are() -> None:
    environment = SERVICES["web"]["environment"]
    explained = (ROOT / ".env.example").read_text()
    for name, value in environment.items():
        assert f"\n#{name}=" in explained, name
        host = re.match(r"\w+://(?:\w+:\w+@)?(\w+)", str(value))
        assert host is None or host[1] in SERVICES, value


def test_nginx_sends_to_the_service_and_reads_the_folder_of_compose() -> None:
    conf = (DEPLOY / "nginx.conf").read_text()
    assert "server web:8000;" in conf
    volumes = SERVICES["nginx"]["volumes"]
    assert "./docs/deploy/nginx.conf:/etc/nginx/nginx.conf:ro" in volumes
    assert "data:/data:ro" in volumes
    assert "VAR_DIR=/data" in (ROOT / "Dockerfile").read_text()


def test_render_names_only_settings_that_there_are_and_counts_its_proxies() -> None:
    (service,) = yaml.safe_load((ROOT / "render.yaml").read_text())["services"]
    explained = (ROOT / ".env.example").read_text()
    settings = {variable["key"]: variable for variable in service["envVars"]}
    for name in settings:
        assert f"\n#{name}=" in explained, name
    assert settings["NUM_PROXIES"]["value"] == "2"
