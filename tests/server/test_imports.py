"""What hostile spreadsheets cost the process that serves shoppers, too."""

import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from secrets import token_urlsafe

import pytest
import requests

from tests.catalog.importers.workbooks import products, workbook
from tests.server.servers import ROOT, Gunicorn
from tests.waiting import PATIENCE

MOST = 200  # MiB that a refused file may take
EMPTY_ROW = "<row>" + "".join(f'<c r="{letter}9" s="1"/>' for letter in "ABCDEFGH") + "</row>"
LONG_STRING = f"<si><t>{'a' * 32_000}</t></si>"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "a value in the last cell": lambda: workbook(
        products() + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    ),
    "formatted cells down to the last row": lambda: workbook(products() + EMPTY_ROW * 200_000),
    "long strings": lambda: workbook(products(), strings=LONG_STRING * 3000),
    "a million columns": lambda: b"id,name," + b"x," * 10**6 + b"\n",
}


class Staff:
    """A superuser's browser."""

    def __init__(self, server: Gunicorn, password: str) -> None:
        self.server, self.session = server, requests.Session()
        self.send("/admin/login/", {"username": "owner", "password": password})

    def send(self, path: str, form: dict[str, str], file: bytes | None = None) -> str:
        """Send the form of a page; the page that follows."""
        page = self.session.get(self.server.base + path, timeout=PATIENCE).text
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)
        assert token, page
        form = form | {"csrfmiddlewaretoken": token[1]}
        files = {"import_file": ("products.xlsx", file)} if file else None
        address = self.server.base + path
        return self.session.post(address, form, files=files, timeout=PATIENCE).text


@pytest.fixture(scope="module")
def staff(gunicorn: Gunicorn, environment: dict[str, str]) -> Staff:
    """Signed in at the server."""
    password = token_urlsafe()
    command = ["createsuperuser", "--noinput", "--username=owner", "--email="]
    subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment | {"DJANGO_SUPERUSER_PASSWORD": password},
        check=True,
    )
    return Staff(gunicorn, password)


def peak(server: Gunicorn) -> float:
    """The most memory that the process ever had, in MiB."""
    lines = (server.worker / "status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_file_is_refused_while_shoppers_are_served(staff: Staff, kind: str) -> None:
    server, data = staff.server, HOSTILE[kind]()
    before = peak(server)
    with ThreadPoolExecutor(1) as pool:
        refusal = pool.submit(staff.send, "/admin/catalog/product/import/", {}, data)
        while True:
            is_last = refusal.done()
            shop = requests.get(f"{server.base}/products/", timeout=PATIENCE)
            assert shop.status_code == 200
            assert shop.elapsed < timedelta(seconds=5), "less than one, on a slow and busy machine"
            if is_last:
                break
    assert '<ul class="errorlist"' in refusal.result()
    assert peak(server) - before < MOST
