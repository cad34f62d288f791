"""Fixtures for all tests: a real network, a storage of their own, and an index without delay."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from io import BytesIO
from math import inf
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import pytest
from celery import Task, signals
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.utils import translation
from numpy.typing import NDArray
from PIL import Image

from catalog import embedders, tasks
from catalog.embedders import get_embedder
from catalog.embedders.runtime import Embedder
from catalog.models import Category, Product
from search import bands
from search.bands import read_bands
from search.calibration import limits
from search.engines import load_engine
from search.management.commands import tune_search
from tests import pseudo
from tests.databases import Migrate, copy_database, migrate_shop
from tests.tools import GETTEXT, REMEDIES

# What mostly waits starts first, then what takes longest, so that none is left over at the end.
FIRST = (
    *("pipeline", "server", "browser", "test_schema.py", "search/engines", "test_roles.py"),
    *("catalog/test_commands.py", "search/api", "test_serving.py", "search/ranking"),
    *("search/evaluation", "search/tuning", "test_demo_search.py", "test_settings.py"),
    *("search/doctor", "search/queries", "search/index", "search/catalog_map"),
)

MakeProduct = Callable[..., Product]
Messages = list[tuple[str, str, list[int]]]  # task, model, ids of rows
Picture = Callable[..., bytes]

FIXTURES = Path(__file__).parent.parent / "fixtures"

computed_features = Embedder.features


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, for many tests wait for other processes."""
    return min((os.cpu_count() or 1) + 1, 5)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave to SQLite what asks no database, and put first what takes long."""
    if connection.vendor == "postgresql":
        config.hook.pytest_deselected(items=[item for item in items if not uses_database(item)])
        items[:] = filter(uses_database, items)
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    return next((place for place, name in enumerate(FIRST) if path.startswith(name)), len(FIRST))


def uses_database(item: pytest.Item) -> bool:
    """Whether a test may ask the database of the tests, or has another like it."""
    fixtures = {"db", "transactional_db", "migrate"}.intersection(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was left out for want of a program, and how to get it."""
    skipped = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
    )
    missing = [reason for reason in REMEDIES if skipped[reason]]
    if missing:
        terminalreporter.section("left out")
    for reason in missing:
        count = skipped[reason]
        tests = "1 test was" if count == 1 else f"{count} tests were"
        terminalreporter.write_line(f"{reason}: {tests} left out. {REMEDIES[reason]}")


@pytest.fixture(autouse=True)
def _isolated(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `.env` may say, and what earlier tests left, has no effect."""
    settings.DEBUG = False
    settings.SEARCH_ENGINE = "numpy"
    settings.EMBEDDER = "efficientnet_lite0"
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.PHOTOS_DIR = tmp_path / "photos"
    settings.FEEDS_DIR = tmp_path / "feeds"
    settings.INDEX_REFRESH_SECONDS = 0
    settings.INDEX_DIR = tmp_path / "index"
    settings.FETCH_ALLOWED_HOSTS = []
    settings.FETCH_HEADERS = {}
    settings.REFETCH_DAYS = 30
    settings.CACHE_URL = settings.SEARCH_RATE = settings.FETCH_RATE = ""
    settings.COUNTERS_DIR = tmp_path / "counters"
    # The one that shops have takes a third of a second, on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(tasks, "paused_until", 0.0)
    # Or a search now and then reads the bands once more, and tests that count queries fail.
    monkeypatch.setattr(bands, "CACHED_SECONDS", inf)
    load_engine.cache_clear()
    read_bands.cache_clear()


@pytest.fixture(scope="session")
def features_folder() -> Path:
    """Where all processes and runs keep features, while the code that computes them stays."""
    code = [path.read_bytes() for path in sorted(Path(embedders.__file__).parent.glob("*.py"))]
    digest = sha256(b"".join([*code, version("openvino").encode()])).hexdigest()
    folder = FIXTURES.parent / ".pytest_cache" / f"features-{digest[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def _cached_features(features_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real network computes the features of a square once.

    Most of some 30,000 squares are repeats, which would take minutes of processor time.
    """

    def features(embedder: Embedder, square: NDArray[np.uint8]) -> NDArray[np.float32]:
        file = features_folder / f"{embedder.identity}-{sha256(square).hexdigest()}"
        with suppress(FileNotFoundError):
            return np.fromfile(file, np.float32)
        computed = computed_features(embedder, square)
        with NamedTemporaryFile(dir=features_folder, delete=False) as written:
            written.write(computed.tobytes())
        Path(written.name).replace(file)
        return computed

    monkeypatch.setattr(Embedder, "features", features)


@pytest.fixture(autouse=True)
def _first_ids(request: pytest.FixtureRequest) -> None:
    """Products are numbered from 1, as on SQLite: how their photos are changed depends on it.

    PostgreSQL would go on counting, for it takes no number back with a transaction.
    """
    if connection.vendor == "postgresql" and uses_database(request.node):
        request.getfixturevalue("db")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence('catalog_product', 'id'), 1, false)"
            )


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path | None:
    """The database of the tests. Gives a copy of it, still empty, for other processes."""
    with django_db_blocker.unblock():
        return copy_database(tmp_path_factory.mktemp("template") / "db.sqlite3")


@pytest.fixture(scope="session")
def migrate(django_db_setup: Path | None) -> Migrate:
    """Creates the tables of a shop, given its environment."""
    return partial(migrate_shop, template=django_db_setup)


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """Where `make test` has prepared the network."""
    return Path(django_settings.MODEL_DIR)


@pytest.fixture(scope="session")
def embedder(model_dir: Path) -> Embedder:
    """The real network, prepared by `make test`."""
    return get_embedder("efficientnet_lite0", model_dir)


@pytest.fixture(scope="session")
def pseudo_locale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    GETTEXT.path()
    return pseudo.write_catalog(FIXTURES.parent, tmp_path_factory.mktemp("pseudo"))


@pytest.fixture
def pseudo_language(pseudo_locale: Path, settings: Any) -> Iterator[None]:
    """The language of the shop puts every text that can be translated between ⟦ and ⟧."""
    settings.LOCALE_PATHS = [pseudo_locale]
    settings.LANGUAGE_CODE = pseudo.LANGUAGE
    with translation.override(pseudo.LANGUAGE):
        yield


@pytest.fixture
def few_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever learns from changed photos of the catalog makes do with those of six products."""
    for module in (limits, tune_search):
        monkeypatch.setattr(module, "COPIED_PRODUCTS", 6)


@pytest.fixture
def demo(db: None, few_copies: None) -> None:
    """The demo catalog with its vectors."""
    call_command("load_demo")


def jpeg(seed: int, size: tuple[int, int] = (320, 280)) -> bytes:
    """A smooth picture of its own kind for every seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    output = BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(output, "JPEG", quality=95)
    return output.getvalue()


@pytest.fixture
def picture() -> Picture:
    """JPEG bytes by seed."""
    return jpeg


@pytest.fixture
def messages() -> Iterator[Messages]:
    """The tasks that were sent to workers: their names, models and the ids of rows."""
    sent: Messages = []

    def note(task: Task, args: tuple[str, list[int]], **_: object) -> None:
        sent.append((task.name.rpartition(".")[2], *args))

    signals.task_prerun.connect(note, weak=False)
    yield sent
    signals.task_prerun.disconnect(note)


@pytest.fixture
def make_product(db: None, django_capture_on_commit_callbacks: Any) -> MakeProduct:
    """Creates an active product; one with image bytes is embedded, as after a commit."""

    def make(
        name: str = "Mug",
        *,
        category: str = "Home",
        price: str = "9.99",
        image: bytes | None = None,
        sku: str | None = None,
        **fields: Any,
    ) -> Product:
        product = Product(
            sku=sku or f"sku-{Product.objects.count() + 1}",
            name=name,
            category=Category.objects.get_or_create(name=category)[0],
            price=price,
            **fields,
        )
        if image is not None:
            product.image.save("photo.jpg", ContentFile(image), save=False)
        with django_capture_on_commit_callbacks(execute=True):
            product.save()
        product.refresh_from_db()
        return product

    return make
