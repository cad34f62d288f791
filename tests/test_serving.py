"""Web server and worker, each started in a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.databases import Migrate, new_database
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).parent.parent
TOO_HEAVY = {"tensorflow", "keras", "pandas", "torch", "sklearn", "scipy"}
TELLTALE = "openvino_telemetry"  # would report over the network

DUMP = """
import json, os, sys
def dump_modules():
    names = {name.split(".")[0] for name, module in sys.modules.items() if module}
    with open(os.environ["MODULES"], "w") as file:
        json.dump(sorted(names), file)
"""
GUNICORN = DUMP + "def worker_exit(server, worker): dump_modules()\n"
BUILD = f"""{DUMP}
import atexit, runpy
atexit.register(dump_modules)
sys.argv = ["manage.py", "build_embeddings", "--all"]
runpy.run_path("manage.py", run_name="__main__")
"""
WORKER = f"""{DUMP}
import time
from celery.contrib.testing.worker import start_worker
from visualsearch.celery import app
import django
django.setup()
from catalog.models import Product
from catalog.tasks import embed
app.conf.task_always_eager = False
Product.objects.filter(sku="1").update(embedding_status="pending")
with start_worker(app, perform_ping_check=False):
    embed.delay("catalog.Product", [Product.objects.get(sku="1").pk])
    for _ in range(2000):
        if Product.objects.filter(sku="1", embedding_status="ready").exists():
            break
        time.sleep(0.1)
    else:
        raise SystemExit("the worker did not embed")
    dump_modules()
"""


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory, model_dir: Path, migrate: Migrate
) -> Iterator[dict[str, str]]:
    """A shop of its own with the demo catalog, of which nothing is learned yet."""
    folder = tmp_path_factory.mktemp("shop")
    ours = {"VAR_DIR": str(folder), "MODEL_DIR": str(model_dir), "EMBEDDER": "efficientnet_lite0"}
    with new_database() as url:
        ours |= {"DATABASE_URL": url, "MODULES": str(folder / "modules.json")}
        environment = os.environ | ours
        migrate(environment)
        run(["manage.py", "import_products", "fixtures/products.csv"], environment)
        yield environment


def run(arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(environment: dict[str, str]) -> set[str]:
    """The top-level modules that the process had imported at its end."""
    path = Path(environment["MODULES"])
    names = set(json.loads(path.read_text()))
    path.unlink()
    return names


def test_build_embeddings_never_imports_tensorflow(environment: dict[str, str]) -> None:
    assert "50 ready" in run(["-c", BUILD], environment)
    modules = loaded(environment)
    assert "openvino" in modules
    assert not modules & {*TOO_HEAVY, TELLTALE}


def test_worker_never_imports_tensorflow(environment: dict[str, str]) -> None:
    run(["-c", WORKER], environment)
    modules = loaded(environment)
    assert "openvino" in modules
    assert not modules & {*TOO_HEAVY, TELLTALE}


def test_web_server_finds_every_query_photo_first_and_never_imports_tensorflow(
    environment: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "gunicorn_config.py"
    config.write_text(GUNICORN)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [
        "-m",
        "gunicorn",
        "visualsearch.wsgi",
        f"--config={config}",
        "--threads=4",
        "--no-control-socket",
    ]
    server = subprocess.Popen(  # noqa: S603
        [sys.executable, *command, f"--bind=127.0.0.1:{port}"], cwd=ROOT, env=environment
    )
    try:
        base = f"http://127.0.0.1:{port}"
        wait_until_served(base)
        for photo in sorted((ROOT / "fixtures/queries").iterdir()):
            found = requests.post(
                f"{base}/api/search/", files={"file": photo.read_bytes()}, timeout=PATIENCE
            )
            assert found.json()["results"][0]["sku"] == str(int(photo.name[:2])), photo.name
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)
    modules = loaded(environment)
    assert "openvino" in modules
    assert not modules & {*TOO_HEAVY, TELLTALE}


def wait_until_served(base: str) -> None:
    def answers() -> bool:
        try:
            return requests.get(f"{base}/healthz", timeout=PATIENCE).ok
        except requests.ConnectionError:
            return False

    until(answers)
