"""The search in a frame of another site, and what another app shares with it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.witness import Witness
from tests.catalog.local_servers import http, running_servers
from tests.conftest import MakeProduct, Picture

PAGE = """<!doctype html><link rel="icon" href="data:,">
<iframe src="{url}/" width="400" height="800"></iframe>
<form action="{url}/share/" method="post" enctype="multipart/form-data">
<input type="file" name="file"><input name="title"><input name="text"><button>Share</button>
</form>"""


@pytest.fixture
def other_site(live_server: Any) -> Iterator[str]:
    """The address of a page on 127.0.0.1, which is another site than localhost."""
    body = PAGE.format(url=live_server.url).encode()
    head = (f"Content-Length: {len(body)}", "Content-Type: text/html", "Connection: close")
    with running_servers() as start:
        yield f"http://{start(http(body, *head)).host}"


def test_search_works_in_a_frame_and_takes_what_is_shared(
    page: Page,
    witness: Witness,
    make_product: MakeProduct,
    picture: Picture,
    settings: Any,
    live_server: Any,
    other_site: str,
    tmp_path: Path,
) -> None:
    make_product("Mug", image=picture(7))
    settings.FRAME_ANCESTORS = [other_site]
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture(7))
    page.goto(other_site)
    frame = page.frame_locator("iframe")
    frame.locator("#file").set_input_files(photo)
    expect(frame.locator(".found .card-name").first).to_have_text("Mug")

    page.locator("[name=file]").set_input_files(photo)
    page.get_by_role("button", name="Share").click()
    page.wait_for_url(re.compile(r"/\?query="))
    expect(page.locator(".found .card-name").first).to_have_text("Mug")

    page.goto(other_site)
    page.get_by_role("button", name="Share").click()  # with an empty file
    page.wait_for_url(f"{live_server.url}/")
    about = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert about["errors"] == []
    assert json.loads(about["data"])["share_target"]["action"] == "/share/"
    assert page.context.cookies() == []
    # A browser does not move its focus into a frame of another site.
    witness.heard = [line for line in witness.heard if "autofocus" not in line]
