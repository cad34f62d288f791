"""Programs that tests run and pip does not install. Without one, its tests are left out."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest

# The development packages bring a redis-server where they can; nginx is in /usr/sbin.
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"


@dataclass(frozen=True)
class Tool:
    name: str
    program: str
    package: str  # of Debian

    @property
    def found(self) -> str | None:
        """The path of the program."""
        return which(self.program, path=PATH)

    @property
    def missing(self) -> str:
        """Why a test is skipped."""
        return f"{self.name} is missing"

    def path(self) -> str:
        """The path of the program. Skips the test if there is none."""
        return self.found or pytest.skip(self.missing)


# The one that has no windows takes two thirds of the time.
SHELL = "chromium-headless-shell"
CHROMIUM = Tool(
    "Chromium",
    os.environ.get("CHROMIUM") or (SHELL if which(SHELL, path=PATH) else "chromium"),
    SHELL,
)
GETTEXT = Tool("gettext", "xgettext", "gettext")
NGINX = Tool("nginx", "nginx", "nginx-light")
NODE = Tool("Node", "node", "nodejs")
OPENSSL = Tool("OpenSSL", "openssl", "openssl")
REDIS = Tool("Redis", "redis-server", "redis-server")
SYSTEMD = Tool("systemd-analyze", "systemd-analyze", "systemd")
TOOLS = [CHROMIUM, GETTEXT, NGINX, NODE, OPENSSL, REDIS, SYSTEMD]

NO_POSTGRES = "PostgreSQL is missing"
# By the reason of a skip: how to have the tests run.
REMEDIES = {tool.missing: f"On Debian: apt install {tool.package}" for tool in TOOLS}
REMEDIES[NO_POSTGRES] = "They are part of: make test-postgres"
