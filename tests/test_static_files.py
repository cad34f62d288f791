"""Scripts and style sheets are served compressed, from their sources."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from visualsearch.static_files import compressed_copy

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["pages.css", "js/search.js", "widget/1.0/visual-search.js"])
def test_compresses_for_those_who_can_read_it(settings: Any, tmp_path: Path, name: str) -> None:
    settings.STATIC_COPIES_DIR = tmp_path / "copies"
    source = (ROOT / "static" / name).read_bytes()
    client = Client()
    packed = client.get(f"/static/{name}", headers={"Accept-Encoding": "br, gzip"})
    assert packed["Content-Encoding"] == "gzip"
    content = packed.getvalue()
    assert int(packed["Content-Length"]) == len(content)
    assert gzip.decompress(content) == source
    plain = client.get(f"/static/{name}")
    assert "Content-Encoding" not in plain
    assert plain.getvalue() == source
    assert packed["Vary"] == plain["Vary"] == "Accept-Encoding"
    assert packed["Content-Type"] == plain["Content-Type"]


def test_serves_a_changed_file_anew(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_COPIES_DIR = tmp_path / "copies"
    script = tmp_path / "a.js"
    script.write_text("1")
    first = compressed_copy(script)
    assert compressed_copy(script) == first
    script.write_text("22")
    assert gzip.decompress(compressed_copy(script).read_bytes()) == b"22"


def test_serves_files_as_they_are_where_none_can_be_written(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_COPIES_DIR = tmp_path / "file"
    settings.STATIC_COPIES_DIR.write_text("")
    answer = Client().get("/static/pages.css", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer
    assert answer.getvalue() == (ROOT / "static/pages.css").read_bytes()
