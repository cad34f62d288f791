"""The style sheets follow the direction of the page's language."""

import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[3] / "static"
SIDES = re.compile(
    r"(?m)(margin|padding|border)(-\w+)*-(left|right)|"
    r"text-align: (left|right)|float: |^ *(left|right):"
)
# Places in pictures and on the map are the same in every language.
PHYSICAL = re.compile(r"data-grip|leaflet")


@pytest.mark.parametrize("name", ["pages.css", "admin.css", "api-docs.css"])
def test_uses_logical_properties(name: str) -> None:
    rules = re.findall(r"[^{}]*\{[^{}]*\}", (STATIC / name).read_text())
    assert len(rules) > 3
    assert [rule for rule in rules if SIDES.search(rule) and not PHYSICAL.search(rule)] == []
