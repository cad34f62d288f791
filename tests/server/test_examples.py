"""The examples in the docs, run as they stand against a real server."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.servers import ROOT, Gunicorn
from tests.tools import NODE
from tests.waiting import PATIENCE


@pytest.fixture(params=["search.py", "search.js"])
def command(request: pytest.FixtureRequest) -> list[str]:
    """An example with the program that runs it."""
    program = sys.executable if request.param == "search.py" else NODE.path()
    return [program, str(ROOT / "docs" / "examples" / request.param)]


def test_finds_products_and_the_cheapest(
    command: list[str], gunicorn: Gunicorn, folder: Path
) -> None:
    done = run(command, folder / "1.jpg", gunicorn)
    lines = done.stdout.splitlines()
    assert lines[0] == "100%  Mug 1  9.99 USD", done.stderr
    assert lines[-1].startswith(f"The cheapest of {len(lines) - 1}: Mug ")
    assert f"{gunicorn.base}/products/" in lines[-1]


def test_tells_what_is_wrong(command: list[str], gunicorn: Gunicorn, folder: Path) -> None:
    done = run(command, folder / "products.csv", gunicorn)
    assert done.returncode == 1
    assert "This is not a picture we can read." in done.stderr


def run(command: list[str], photo: Path, server: Gunicorn) -> subprocess.CompletedProcess[str]:
    given = [*command, str(photo), server.base]
    return subprocess.run(  # noqa: S603
        given, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
