"""What the heaviest pictures that the gate lets in cost the process that serves them."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_bytes

import pytest
from PIL import Image

from tests.catalog.samples import encoded, png, zeros
from tests.conftest import jpeg
from tests.server.servers import Answer, Gunicorn

MOST = 400  # MiB that one request may take
PIXELS = {"depth": 8, "kind": 6}  # RGBA


def progressive(mode: str, width: int, height: int) -> bytes:
    return encoded(Image.new(mode, (width, height)), "JPEG", progressive=True)


# By format, near its limit: 50 million pixels, RGBA 37, WebP 27, AVIF 24, CMYK 40.
HEAVIEST: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: progressive("RGB", 8_000, 6_250),
    "CMYK": lambda: progressive("CMYK", 8_000, 5_000),
    "PNG": lambda: png(7_400, 5_000, **PIXELS, pixels=zeros(5_000 * 29_601)),
    "GIF": lambda: encoded(Image.new("P", (8_000, 6_250)), "GIF"),
    "WebP": lambda: encoded(Image.new("RGBA", (6_000, 4_500), "#12345678"), "WEBP"),
    "AVIF": lambda: encoded(Image.new("RGBA", (6_000, 4_000), "#12345678"), "AVIF", speed=10),
}


@pytest.fixture(scope="module")
def shared(environment: dict[str, str], folder: Path) -> Iterator[Gunicorn]:
    """A server that has searched before, so that its network and index are loaded."""
    sparing = {"MALLOC_MMAP_THRESHOLD_": "1048576"}  # as the Makefile and the Dockerfile have it
    server = Gunicorn(environment | sparing, folder / "memory.log")
    assert server.search(jpeg(1)).status == 200
    yield server
    server.stop()


@pytest.fixture
def server(shared: Gunicorn) -> Gunicorn:
    """The server; the peak of its memory counts from now on (proc(5), clear_refs)."""
    (shared.worker / "clear_refs").write_text("5")
    return shared


@pytest.fixture(scope="module")
def before(shared: Gunicorn) -> float:
    """What the process takes before any heavy picture, in MiB."""
    return peak(shared)


def peak(server: Gunicorn) -> float:
    """The most memory that the process has had, in MiB."""
    lines = (server.worker / "status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


@pytest.mark.parametrize("heaviest", HEAVIEST.values(), ids=HEAVIEST)
def test_heaviest_picture_of_a_format_takes_less_than_400_megabytes(
    server: Gunicorn, before: float, heaviest: Callable[[], bytes]
) -> None:
    assert server.search(heaviest()).status == 200
    assert 50 < peak(server) - before < MOST


@pytest.mark.parametrize("clients", [16, 1])
def test_sixteen_heavy_pictures_at_once_take_no_more_than_two(
    server: Gunicorn, before: float, clients: int
) -> None:
    data = HEAVIEST["WebP"]()

    def search(number: int) -> Answer:
        photo = data + token_bytes(8)  # no two are the same query
        return server.search(photo, source=f"127.0.0.{2 + number % clients}")

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(search, range(16)))
    statuses = Counter(answer.status for answer in answers)
    # Whoever gets a slot is answered. One client's requests have one, and a second one waits for it
    # for a few seconds, which may not be enough on a busy machine.
    assert statuses[200] >= (2 if clients > 1 else 1)
    assert statuses.keys() <= {200, 503 if clients > 1 else 429}
    assert all("try again" in answer.text for answer in answers if answer.status != 200)
    assert peak(server) - before < min(clients, 2) * MOST
