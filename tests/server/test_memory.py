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
from tests.server.servers import Gunicorn

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


@pytest.fixture
def server(environment: dict[str, str], folder: Path) -> Iterator[Gunicorn]:
    """A server that has searched before, so that its network and index are loaded."""
    sparing = {"MALLOC_MMAP_THRESHOLD_": "1048576"}  # as the Makefile and the Dockerfile have it
    server = Gunicorn(environment | sparing, folder / "memory.log")
    assert server.search(jpeg(1)).status == 200
    yield server
    server.stop()


def peak(server: Gunicorn) -> float:
    """The most memory that the process ever had, in MiB."""
    lines = (server.worker / "status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


@pytest.mark.parametrize("heaviest", HEAVIEST.values(), ids=HEAVIEST)
def test_heaviest_picture_of_a_format_takes_less_than_400_megabytes(
    server: Gunicorn, heaviest: Callable[[], bytes]
) -> None:
    data, before = heaviest(), peak(server)
    assert server.search(data).status == 200
    assert 50 < peak(server) - before < MOST


def test_sixteen_heavy_pictures_at_once_take_no_more_than_two(server: Gunicorn) -> None:
    data, before = HEAVIEST["WebP"](), peak(server)

    def search(_: int) -> int:
        return server.search(data + token_bytes(8)).status  # no two are the same query

    with ThreadPoolExecutor(16) as pool:
        statuses = Counter(pool.map(search, range(16)))
    assert statuses[200] >= 1
    assert statuses.keys() <= {200, 503}
    assert peak(server) - before < 2 * MOST
