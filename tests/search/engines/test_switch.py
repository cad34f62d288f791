"""Changing the network goes with pgvector as it does with files."""

import pytest

from tests.search.test_switching import (  # noqa: F401
    products,
    test_changes_during_the_switch_are_right_at_once,
    test_failed_pictures_do_not_hold_the_switch_up,
    test_going_back_is_the_same_command,
    two_networks,
)

pytestmark = pytest.mark.parametrize("engine", ["pgvector"], indirect=True)


@pytest.fixture(autouse=True)
def _engine(engine: str) -> None:
    """Every test of this module, for which the parameter above chooses the engine."""
