"""What docs/storefront.md says about the widget is what the widget does."""

import re
from base64 import b64encode
from hashlib import sha384
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WIDGET = ROOT / "static/widget/1.0/visual-search.js"
PAGES = [ROOT / "docs/storefront.md", ROOT / "docs/examples/shop/page.html"]
SCRIPT, STYLES = WIDGET.read_text(encoding="utf-8").split("styles.replaceSync(`")
CODE = re.sub(r"/\*\*.*?\*/", "", SCRIPT, flags=re.DOTALL)  # without comments
DOCS = PAGES[0].read_text(encoding="utf-8")

OWN = r"this\.(?:get|has|set)Attribute\(\"(\w+)\""
# Attributes that are read in a loop, or by a function that is given their names.
LISTED = r"for \(const name of \[([^\]]+)\]\)\s+if \(this\.hasAttribute\(name\)"
NAMED = r"\ball\(\"(\w+)\"\)"
CLASSES = r"(?:make\(\s*\"\w+\.|button\(\"|#thumb\(\")([a-z.]+)\""


def documented(heading: str, prefix: str = "") -> set[str]:
    """The names in the first column of the tables below a heading, without the prefix."""
    section = DOCS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    names = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


def test_documents_every_attribute() -> None:
    listed = [name for names in re.findall(LISTED, CODE) for name in re.findall(r"\w+", names)]
    inherited = {"lang", "dir"}  # of the page
    read = {*re.findall(OWN, CODE), *listed, *re.findall(NAMED, CODE)} - inherited
    styled = re.findall(r":host\(\[(\w+)=", STYLES)
    assert documented("Attributes") == read | {*styled}


def test_documents_every_variable() -> None:
    used = set(re.findall(r"var\(--visualsearch-([a-z-]+)", STYLES))
    assert documented("Colours and sizes", "--visualsearch-") == used


def test_documents_every_part() -> None:
    classes = {name for names in re.findall(CLASSES, CODE) for name in names.split(".")}
    parts = {name for name in documented("Colours and sizes") if not name.startswith("--")}
    votes = {"more", "less"}  # which code names by a variable
    defaults = {name for name in parts if re.search(r"\d", name)}
    assert parts - defaults == classes | votes


def test_documents_every_event() -> None:
    told = {f"visualsearch:{name}" for name in re.findall(r"this\.tell\(\"(\w+)\"", CODE)}
    assert documented("Events and methods") == told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_the_hash_of_the_released_file(page: Path) -> None:
    """A released version never changes: a new one gets a folder and a hash of its own."""
    digest = b64encode(sha384(WIDGET.read_bytes()).digest()).decode()
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"sha384-[\w+/=]+", text)) == {f"sha384-{digest}"}
    assert all(
        "crossorigin" in line for line in text.splitlines() if "<script" in line and "1.0" in line
    )
