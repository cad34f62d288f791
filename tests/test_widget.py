"""The widget's file. `tests/browser/storefront` uses the widget on pages of another origin."""

import gzip
import re
from pathlib import Path

import pytest

WIDGET = Path(__file__).parent.parent / "static/widget/1.0/visual-search.js"
MOST_BYTES = 15_000  # compressed


@pytest.fixture(scope="module")
def script() -> str:
    return WIDGET.read_text()


def test_is_small_enough_for_every_page_of_a_shop(script: str) -> None:
    assert len(gzip.compress(script.encode(), 9)) < MOST_BYTES


def test_is_one_file_of_its_own(script: str) -> None:
    assert not re.search(r"^\s*import\b|\bimport\(|^export\b", script, re.MULTILINE)


def test_sets_no_variable_that_a_page_may_have_too(script: str) -> None:
    """`--visualsearch-border: var(--line)` would refer to itself if the element set `--line`."""
    names = re.findall(r"[{;\s]--([\w-]+):", script)
    assert names
    assert [name for name in names if not name.startswith("_")] == []


@pytest.mark.parametrize(
    "forbidden",
    [
        *(r"\beval\(", r"\bFunction\(", r"\bset(Timeout|Interval)\(\s*[\"'`]"),
        *(r"(inner|outer)HTML", "insertAdjacentHTML", r"document\.write", "DOMParser"),
        *(r"[\"']style[\"']", "cssText", r"createElement\([\"']style", "createObjectURL", "blob:"),
        r"\bon(click|load|error)\s*=",
    ],
)
def test_needs_nothing_that_a_strict_policy_forbids(script: str, forbidden: str) -> None:
    assert not re.search(forbidden, script)
