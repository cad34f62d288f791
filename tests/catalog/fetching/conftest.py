"""Fixtures for the fetcher's tests: servers, and a certificate for them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalog.local_servers import Serve, running_servers
from tests.tools import OPENSSL


@pytest.fixture
def serve() -> Iterator[Serve]:
    with running_servers() as serve:
        yield serve


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key, and a certificate for shop.test and 127.0.0.1."""
    path = tmp_path / "shop.pem"
    options = (
        f"req -x509 -newkey rsa:2048 -nodes -days 2 -out {path} -keyout {path} -subj /CN=a "
        "-addext subjectAltName=DNS:shop.test,IP:127.0.0.1 "
        "-addext keyUsage=digitalSignature,keyCertSign"
    )
    command = [OPENSSL.path(), *options.split()]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    return path
