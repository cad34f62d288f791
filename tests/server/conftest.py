"""A shop with six products, served by a real gunicorn and by a real nginx before it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import jpeg
from tests.databases import Migrate, new_database
from tests.server.servers import ORIGIN, ROOT, Gunicorn, Nginx
from tests.tools import NGINX

PRODUCTS = 6


@pytest.fixture(scope="session")
def environment(
    tmp_path_factory: pytest.TempPathFactory, model_dir: Path, migrate: Migrate
) -> Iterator[dict[str, str]]:
    """The settings of the shop; product 1 looks like `jpeg(1)`."""
    with new_database() as url:
        yield open_shop(tmp_path_factory.mktemp("shop"), model_dir, url, migrate)


def open_shop(folder: Path, model_dir: Path, database_url: str, migrate: Migrate) -> dict[str, str]:
    """The settings of a new shop that keeps everything in a folder, but for what has an address."""
    (folder / "tmp").mkdir()
    none = ("CELERY_BROKER_URL", "CACHE_URL", "MEDIA_ROOT", "SEARCH_RATE", "FETCH_RATE")
    environment = os.environ | dict.fromkeys(none, "") | {"DATABASE_URL": database_url}
    environment |= {"VAR_DIR": str(folder), "TMPDIR": str(folder / "tmp")}
    environment |= {"MODEL_DIR": str(model_dir), "EMBEDDER": "efficientnet_lite0"}
    environment["CORS_ALLOWED_ORIGINS"] = ORIGIN
    lines = ["id,name,category,image_url,price"]
    for seed in range(PRODUCTS):
        (folder / f"{seed}.jpg").write_bytes(jpeg(seed))
        lines.append(f"{seed},Mug {seed},Home,{seed}.jpg,9.99")
    (folder / "products.csv").write_text("\n".join(lines))
    migrate(environment)
    command = [sys.executable, "manage.py", "import_products", f"{folder}/products.csv"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)  # noqa: S603
    return environment


@pytest.fixture(scope="session")
def folder(environment: dict[str, str]) -> Path:
    """Where the shop keeps everything."""
    return Path(environment["VAR_DIR"])


@pytest.fixture(scope="module")
def gunicorn(environment: dict[str, str], folder: Path) -> Iterator[Gunicorn]:
    """gunicorn alone."""
    server = Gunicorn(environment, folder / "gunicorn.log")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def nginx(
    environment: dict[str, str], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    """nginx, with a gunicorn of its own behind it."""
    NGINX.path()  # before gunicorn is started in vain
    behind = {"NUM_PROXIES": "1", "FETCH_RATE": "2/min"}
    gunicorn = Gunicorn(environment | behind, folder / "behind.log")
    server = Nginx(tmp_path_factory.mktemp("nginx"), folder / "media", gunicorn.port)
    yield server
    server.stop()
    gunicorn.stop()
