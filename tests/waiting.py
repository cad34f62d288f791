"""Waiting for what has to happen, on a machine of any speed."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

# The limit of every wait, in seconds. Nothing here usually takes a tenth of it, so a busy machine
# does not reach it; only what never happens does.
PATIENCE = 300.0

Seen = TypeVar("Seen")


def until(look: Callable[[], Seen], wanted: Callable[[Seen], bool] = bool) -> Seen:
    """Call `look` until it returns what is wanted, and return that.

    Pauses between calls grow, for a look may cost the time of what is waited for.
    """
    deadline, pause = monotonic() + PATIENCE, 0.02
    while not wanted(seen := look()):
        assert monotonic() < deadline, f"still so after {PATIENCE:.0f} seconds: {seen}"
        sleep(pause)
        pause = min(1.5 * pause, 0.25)
    return seen
